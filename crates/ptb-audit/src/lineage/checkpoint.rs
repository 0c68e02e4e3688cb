//! The tensors of a checkpoint folder, found without reading them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::workspace::open_plain;

/// Longest accepted header, the same as that of the format's own reader.
const MOST_HEADER: u64 = 100_000_000;

/// Most files of one checkpoint.
const MOST_SHARDS: usize = 2000;

/// A checkpoint whose lineage cannot be told.
#[derive(Debug, Error)]
#[error("cannot read the weights in {}: {problem}", path.display())]
pub struct LineageError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: LineageProblem,
}

/// What is wrong with a file of weights.
#[derive(Debug, Error)]
pub enum LineageProblem {
    /// The operating system refused, or it is no plain file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// There are no weights.
    #[error("there is no .safetensors file; save the model with save_pretrained")]
    NoWeights,
    /// The index of the shards is no such thing.
    #[error("the index of the shards is wrong: {0}")]
    Index(String),
    /// The file's header contradicts the file.
    #[error("its header is wrong: {0}; the file is damaged or was made by hand")]
    Header(String),
}

/// A number format of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    /// A format that is only compared byte by byte, with its size in bytes.
    Other(usize),
}

impl Dtype {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "I64" | "U64" => Self::Other(8),
            "I32" | "U32" => Self::Other(4),
            "I16" | "U16" => Self::Other(2),
            "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => Self::Other(1),
            _ => return None,
        })
    }

    /// Bytes of one element.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Other(size) => size,
        }
    }
}

/// A tensor in its file.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<u64>,
    pub(crate) elements: u64,
    file: Arc<File>,
    start: u64,
}

impl Tensor {
    /// Reads bytes of the tensor, counted from its start.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, self.start + offset)
    }
}

/// The tensors of a checkpoint by their plain names.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Checkpoint {
    /// Reads the headers of all weight files of a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, LineageError> {
        let mut tensors = BTreeMap::new();
        for path in weight_files(folder)? {
            read_header(&path, &mut tensors).map_err(|problem| LineageError { path, problem })?;
        }
        Ok(Self { tensors })
    }
}

/// The files that a reader of the folder would load: those of the index, else the single file, else all there are.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, LineageError> {
    let at_folder = |problem: LineageProblem| LineageError { path: folder.to_owned(), problem };
    let index = folder.join("model.safetensors.index.json");
    let single = folder.join("model.safetensors");
    if index.symlink_metadata().is_ok() {
        return shards(folder, &index).map_err(|problem| LineageError { path: index, problem });
    }
    if single.symlink_metadata().is_ok() {
        return Ok(vec![single]);
    }
    let entries = folder.read_dir().map_err(|error| at_folder(error.into()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).take(MOST_SHARDS).collect();
    files.sort();
    if files.is_empty() { Err(at_folder(LineageProblem::NoWeights)) } else { Ok(files) }
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, LineageProblem> {
    #[derive(Deserialize)]
    struct ShardIndex {
        weight_map: BTreeMap<String, String>,
    }
    let content = crate::workspace::read_start(index, MOST_HEADER)?;
    let index: ShardIndex =
        serde_json::from_slice(&content).map_err(|error| LineageProblem::Index(error.to_string()))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    if names.len() > MOST_SHARDS {
        return Err(LineageProblem::Index(format!("it names {} files", names.len())));
    }
    match names.iter().find(|name| name.contains(['/', '\\']) || name.as_str() == "..") {
        Some(name) => Err(LineageProblem::Index(format!("{name:?} is a path, not the name of a file"))),
        None => Ok(names.iter().map(|name| folder.join(name)).collect()),
    }
}

/// Reads the header of one file: eight bytes of length, then JSON that places each tensor in the bytes after it.
fn read_header(path: &Path, tensors: &mut BTreeMap<String, Tensor>) -> Result<(), LineageProblem> {
    let wrong = |what: String| LineageProblem::Header(what);
    let file = Arc::new(open_plain(path)?);
    let length = file.metadata()?.len();
    let mut prefix = [0; 8];
    if length < 8 {
        return Err(wrong(format!("the file has only {length} bytes")));
    }
    file.read_exact_at(&mut prefix, 0)?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MOST_HEADER || header_length > length - 8 {
        return Err(wrong(format!("it claims {header_length} bytes, the file has {length}")));
    }
    let mut header = vec![0; header_length as usize];
    file.read_exact_at(&mut header, 8)?;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&header).map_err(|error| wrong(error.to_string()))?;
    let data = 8 + header_length;
    for (name, value) in header {
        if name == "__metadata__" {
            continue;
        }
        let tensor =
            place(&file, data, length - data, value).map_err(|what| wrong(format!("tensor {name:?} {what}")))?;
        // Two names may shorten to the same one only in a file made by hand; then both are kept as they are.
        let short = plain_name(&name);
        let key = if tensors.contains_key(short) { name } else { short.to_owned() };
        tensors.insert(key, tensor);
    }
    Ok(())
}

/// A tensor's name without the wrappers that libraries put around the same model when they save it.
fn plain_name(name: &str) -> &str {
    let mut plain = name;
    while let Some(inner) =
        ["base_model.", "model.", "language_model."].iter().find_map(|outer| plain.strip_prefix(outer))
    {
        plain = inner;
    }
    plain
}

fn place(file: &Arc<File>, data: u64, available: u64, value: Value) -> Result<Tensor, String> {
    #[derive(Deserialize)]
    struct Place {
        dtype: String,
        shape: Vec<u64>,
        data_offsets: [u64; 2],
    }
    let Place { dtype, shape, data_offsets: [start, end] } =
        serde_json::from_value(value).map_err(|error| format!("is not described: {error}"))?;
    let dtype = Dtype::of(&dtype).ok_or_else(|| format!("has the unknown number format {dtype:?}"))?;
    let elements = shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
    let bytes = elements.and_then(|elements| elements.checked_mul(dtype.size() as u64));
    if end < start || end > available || bytes != Some(end - start) {
        return Err(format!("claims bytes {start} to {end} for the shape {shape:?}, the file has {available}"));
    }
    Ok(Tensor { dtype, shape, elements: elements.unwrap_or(0), file: Arc::clone(file), start: data + start })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    /// Bytes of a safetensors file with F32 tensors.
    pub(crate) fn safetensors(tensors: &[(&str, &[u64], &[f32])]) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        for (name, shape, values) in tensors {
            let start = data.len();
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            header.insert(
                (*name).to_owned(),
                json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
            );
        }
        file_of(&Value::Object(header).to_string(), &data)
    }

    fn file_of(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn problem(content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.safetensors"), content).unwrap();
        Checkpoint::open(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn headers_that_lie_are_refused() {
        assert!(problem(b"").contains("only 0 bytes"));
        assert!(problem(&u64::MAX.to_le_bytes()).contains("claims"));
        assert!(problem(&file_of("{not json", b"")).contains("header"));
        let tensor = |shape: &str, offsets: &str| {
            file_of(&format!(r#"{{"w": {{"dtype": "F32", "shape": {shape}, "data_offsets": {offsets}}}}}"#), &[0; 8])
        };
        for (shape, offsets) in [
            ("[2]", "[0, 800]"),
            ("[3]", "[0, 8]"),
            ("[2]", "[8, 0]"),
            ("[18446744073709551615, 18446744073709551615]", "[0, 8]"),
            ("[-1]", "[0, 8]"),
        ] {
            assert!(problem(&tensor(shape, offsets)).contains("\"w\""), "{shape} {offsets}");
        }
        assert!(problem(&file_of(&"[".repeat(200_000), b"")).contains("header"));
    }

    #[test]
    fn wrappers_do_not_change_a_name() {
        for name in ["model.layers.0.w", "language_model.model.layers.0.w", "base_model.model.model.layers.0.w"] {
            assert_eq!(plain_name(name), "layers.0.w");
        }
        assert_eq!(plain_name("lm_head.weight"), "lm_head.weight");
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let whole = safetensors(&[("w", &[4], &[1.0, 2.0, 3.0, 4.0])]);
        assert!(problem(&whole[..whole.len() - 3]).contains("the file has 13"));
    }

    #[test]
    fn an_index_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let index = json!({"weight_map": {"w": "../other.safetensors"}}).to_string();
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        assert!(Checkpoint::open(folder.path()).unwrap_err().to_string().contains("is a path"));
    }

    #[test]
    fn a_linked_weight_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("model.safetensors")).unwrap();
        assert!(Checkpoint::open(folder.path()).is_err());
    }
}
