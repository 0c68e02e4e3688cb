//! Writing checkpoint folders: everything beside the target first, then one rename.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, View, serialize_to_file};

use super::error::TrainError;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::config::WeightType;
use crate::decoder::TensorMap;

const WEIGHTS: &str = "model.safetensors";

/// Files that a trained model shares with its base.
const SHARED: [&str; 12] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "tokenizer.model",
    "processor_config.json",
    "preprocessor_config.json",
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

/// Writes weights under the names and in the types that they have in the base model, with the other parts of the model
/// as they are there, and copies the other files from its folder.
pub(super) fn write_model(
    base: &Path,
    checkpoint: &Checkpoint,
    weights: &TensorMap,
    folder: &Path,
) -> Result<(), TrainError> {
    for name in SHARED {
        let source = base.join(name);
        if source.is_file() {
            fs::copy(&source, folder.join(name)).map_err(TrainError::file("copy", source))?;
        }
    }
    let failed = |error: CheckpointError| TrainError::Model { path: base.to_owned(), reason: error.to_string() };
    let kept = checkpoint.other_parts().map_err(failed)?;
    let mut stored: Vec<_> = kept.into_iter().map(|(name, view)| (name, Stored::Kept(view))).collect();
    for (name, tensor) in weights {
        let (name, kind) = checkpoint.storage(name).map_err(failed)?;
        stored.push((name, Stored::Trained(tensor, dtype_of(kind))));
    }
    write_tensors(stored, &folder.join(WEIGHTS))
}

/// Writes a safetensors file; `dtype` is one of F32, F16 and BF16.
pub fn write_weights(weights: &TensorMap, dtype: Dtype, path: &Path) -> Result<(), TrainError> {
    let stored = weights.iter().map(|(name, tensor)| (name.clone(), Stored::Trained(tensor, dtype)));
    write_tensors(stored.collect(), path)
}

fn write_tensors(tensors: Vec<(String, Stored<'_>)>, path: &Path) -> Result<(), TrainError> {
    for (_, tensor) in &tensors {
        tensor.check()?;
    }
    // Readers in Python refuse files that do not say which library's layout they have.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    serialize_to_file(tensors, Some(metadata), path).map_err(|error| TrainError::Model {
        path: path.to_owned(),
        reason: format!("the weights cannot be stored: {error}"),
    })?;
    let file = fs::File::open(path).map_err(TrainError::file("open", path))?;
    file.sync_all().map_err(TrainError::file("write", path))
}

/// A tensor of a file that is written; trained ones are encoded one at a time, as the file grows.
enum Stored<'a> {
    Kept(TensorView<'a>),
    Trained(&'a Tensor, Dtype),
}

impl Stored<'_> {
    /// Makes sure that reading the values later cannot fail.
    fn check(&self) -> Result<(), TrainError> {
        match self {
            Self::Trained(tensor, _) if Tensor::dtype(tensor) != DType::F32 || !tensor.device().is_cpu() => {
                Err(candle_core::Error::Msg("weights to be stored must be F32 on the CPU".to_owned()).into())
            }
            _ => Ok(()),
        }
    }
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Kept(view) => view.dtype(),
            Self::Trained(_, dtype) => *dtype,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Kept(view) => view.shape(),
            Self::Trained(tensor, _) => tensor.dims(),
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Kept(view) => Cow::Borrowed(view.data()),
            Self::Trained(tensor, dtype) => {
                // `check` has seen that they are single precision on the CPU, where reading them cannot fail.
                let values = tensor.flatten_all().and_then(|tensor| tensor.to_vec1::<f32>()).unwrap_or_default();
                Cow::Owned(encode(&values, *dtype))
            }
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Kept(view) => view.data().len(),
            Self::Trained(tensor, Dtype::F32) => 4 * tensor.elem_count(),
            Self::Trained(tensor, _) => 2 * tensor.elem_count(),
        }
    }
}

fn dtype_of(kind: WeightType) -> Dtype {
    match kind {
        WeightType::F32 => Dtype::F32,
        WeightType::F16 => Dtype::F16,
        WeightType::Bf16 => Dtype::BF16,
    }
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

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use safetensors::SafeTensors;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn weights_are_stored_in_the_asked_type_and_say_so() -> Outcome {
        let folder = tempfile::tempdir()?;
        let weights = TensorMap::from([("w".to_owned(), Tensor::new(&[[1.0_f32, -2.5]], &Device::Cpu)?)]);
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
            write_weights(&weights, dtype, &folder.path().join(WEIGHTS))?;
            let bytes = fs::read(folder.path().join(WEIGHTS))?;
            let stored = SafeTensors::deserialize(&bytes)?;
            assert_eq!((stored.tensor("w")?.dtype(), stored.tensor("w")?.data().len()), (dtype, dtype.bitsize() / 4));
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
