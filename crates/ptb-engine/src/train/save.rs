//! Writing checkpoint folders: everything beside the target first, then one rename.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use super::error::TrainError;
use crate::decoder::TensorMap;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const HEADER_LIMIT: u64 = 64 << 20;

/// Files that a trained model shares with its base.
const SHARED: [&str; 9] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
];

/// Fails unless a folder can be created at `path`: nothing there, or an empty folder.
pub(super) fn check_free(path: &Path) -> Result<(), TrainError> {
    match fs::read_dir(path).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(TrainError::setting("output folder", path.display(), "an absent or empty folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(TrainError::file("look at the output folder", path)(error)),
    }
}

/// Fills a folder that appears at `path` only when it is complete.
pub(super) fn write_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<(), TrainError> {
    let partial = beside(path, ".partial");
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(TrainError::file("remove the unfinished folder", &partial)(error));
        }
        _ => fs::create_dir_all(&partial).map_err(TrainError::file("create", &partial))?,
    }
    let filled = fill(&partial)
        .and_then(|()| fs::rename(&partial, path).map_err(TrainError::file("move the finished folder to", path)));
    if filled.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&partial);
    }
    filled
}

/// `path` with something added to its last part.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    path.with_file_name(name)
}

/// Writes weights in `dtype` and copies the other files from the folder of the base model.
pub(super) fn write_model(base: &Path, weights: &TensorMap, dtype: Dtype, folder: &Path) -> Result<(), TrainError> {
    for name in SHARED {
        let source = base.join(name);
        if source.is_file() {
            fs::copy(&source, folder.join(name)).map_err(TrainError::file("copy", source))?;
        }
    }
    write_weights(weights, dtype, &folder.join(WEIGHTS))
}

/// Writes a safetensors file; `dtype` is one of F32, F16 and BF16.
pub fn write_weights(weights: &TensorMap, dtype: Dtype, path: &Path) -> Result<(), TrainError> {
    let mut stored = Vec::with_capacity(weights.len());
    for (name, tensor) in weights {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        stored.push((name.as_str(), tensor.dims().to_vec(), encode(&values, dtype)));
    }
    let failed = |error: safetensors::SafeTensorError| TrainError::Model {
        path: path.to_owned(),
        reason: format!("the weights cannot be stored: {error}"),
    };
    let mut views = Vec::with_capacity(stored.len());
    for (name, shape, bytes) in &stored {
        views.push((*name, TensorView::new(dtype, shape.clone(), bytes).map_err(failed)?));
    }
    // Readers in Python refuse files that do not say which library's layout they have.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = serialize(views, Some(metadata)).map_err(failed)?;
    write_synced(path, &bytes)
}

/// Writes a file and waits until it is on the disk.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut file = fs::File::create(path).map_err(TrainError::file("create", path))?;
    std::io::Write::write_all(&mut file, bytes).map_err(TrainError::file("write", path))?;
    file.sync_all().map_err(TrainError::file("write", path))
}

fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::BF16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
        Dtype::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// The number format in which a model folder stores its embedding.
pub(super) fn stored_dtype(folder: &Path) -> Result<Dtype, TrainError> {
    let path = weights_file(folder)?;
    let bad = |reason: String| TrainError::Model { path: path.clone(), reason };
    let mut file = fs::File::open(&path).map_err(TrainError::file("open", &path))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(TrainError::file("read", &path))?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_LIMIT {
        return Err(bad(format!("the header has {length} bytes, at most {HEADER_LIMIT} are read")));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(TrainError::file("read", &path))?;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|error| bad(format!("the header is not JSON: {error}")))?;
    let dtype = header.iter().find(|(name, _)| *name != "__metadata__").map(|(_, tensor)| &tensor["dtype"]);
    match dtype.and_then(|dtype| dtype.as_str()) {
        Some("BF16") => Ok(Dtype::BF16),
        Some("F16") => Ok(Dtype::F16),
        Some("F32") => Ok(Dtype::F32),
        other => Err(bad(format!("the weights are {}, expected BF16, F16 or F32", other.unwrap_or("of no type")))),
    }
}

/// The file with the weights, or the first of several.
fn weights_file(folder: &Path) -> Result<PathBuf, TrainError> {
    let (whole, index) = (folder.join(WEIGHTS), folder.join(INDEX));
    if whole.exists() || !index.exists() {
        return Ok(whole);
    }
    let text = fs::read(&index).map_err(TrainError::file("read", &index))?;
    let bad = |reason: &str| TrainError::Model { path: index.clone(), reason: reason.to_owned() };
    let parsed: serde_json::Value = serde_json::from_slice(&text).map_err(|_| bad("the index is not JSON"))?;
    let first = parsed["weight_map"].as_object().and_then(|map| map.values().next()).and_then(|name| name.as_str());
    first.map(|name| folder.join(name)).ok_or_else(|| bad("the index names no file"))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn weights_are_stored_in_the_asked_type_and_say_so() -> Outcome {
        let folder = tempfile::tempdir()?;
        let weights = TensorMap::from([("w".to_owned(), Tensor::new(&[[1.0_f32, -2.5]], &Device::Cpu)?)]);
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
            write_weights(&weights, dtype, &folder.path().join(WEIGHTS))?;
            assert_eq!(stored_dtype(folder.path())?, dtype);
        }
        Ok(())
    }

    #[test]
    fn a_folder_that_fails_to_fill_leaves_nothing() -> Outcome {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("model");
        let failed = write_folder(&target, |_| Err(TrainError::Tokenizer("broken".to_owned())));
        assert!(failed.is_err() && fs::read_dir(folder.path())?.next().is_none());
        write_folder(&target, |path| write_synced(&path.join("a"), b"x"))?;
        assert_eq!(fs::read(target.join("a"))?, b"x");
        assert!(check_free(&target).is_err());
        Ok(())
    }
}
