//! The safetensors files of a checkpoint.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Component, Path};

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::error::{CheckpointError, Problem};
use super::folder::Folder;
use crate::config::DecoderConfig;
use crate::decoder::{DecoderError, TensorMap, tensor_shapes};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const INDEX_LIMIT: u64 = 64 << 20;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The mapped weight files of one checkpoint.
#[derive(Debug)]
pub(super) struct Shards {
    /// Name and content of each file.
    files: Vec<(String, Mmap)>,
    /// Which file holds a tensor, if there is an index.
    index: Option<BTreeMap<String, String>>,
}

impl Shards {
    /// Maps `model.safetensors`, or the shards that the index names.
    pub(super) fn open(folder: &Folder) -> Result<Self, CheckpointError> {
        if folder.has(WHOLE) || !folder.has(INDEX) {
            return Ok(Self { files: vec![(WHOLE.to_owned(), map(folder, WHOLE)?)], index: None });
        }
        let bytes = folder.read(INDEX, INDEX_LIMIT)?;
        let index: Index =
            serde_json::from_slice(&bytes).map_err(|error| folder.error(INDEX, Problem::Index(error)))?;
        let mut names: Vec<&String> = index.weight_map.values().collect();
        names.sort_unstable();
        names.dedup();
        let files = names
            .into_iter()
            .map(|name| {
                check_shard_name(name).map_err(|problem| folder.error(INDEX, problem))?;
                Ok((name.clone(), map(folder, name)?))
            })
            .collect::<Result<_, CheckpointError>>()?;
        Ok(Self { files, index: Some(index.weight_map) })
    }

    /// Checks every header against the configuration; returns the names of tensors that no part of the model uses.
    pub(super) fn check(&self, folder: &Folder, config: &DecoderConfig) -> Result<Vec<String>, CheckpointError> {
        let parsed = self.parse(folder)?;
        let shapes = tensor_shapes(config);
        for (name, shape) in &shapes {
            self.find(folder, &parsed, name, shape)?;
        }
        let used: std::collections::BTreeSet<&str> = shapes.iter().map(|(name, _)| name.as_str()).collect();
        let all = parsed.iter().flat_map(|file| file.names());
        Ok(all.filter(|name| !used.contains(name)).map(str::to_owned).collect())
    }

    /// All weights of the model in single precision; every value is a finite number.
    pub(super) fn load(&self, folder: &Folder, config: &DecoderConfig) -> Result<TensorMap, CheckpointError> {
        let parsed = self.parse(folder)?;
        tensor_shapes(config)
            .into_par_iter()
            .map(|(name, shape)| {
                let (file, view) = self.find(folder, &parsed, &name, &shape)?;
                let values = numbers(&name, &view).map_err(|problem| folder.error(file, problem))?;
                let tensor = Tensor::from_vec(values, shape, &Device::Cpu).map_err(DecoderError::from);
                Ok((name, tensor.map_err(|error| folder.error(file, error))?))
            })
            .collect()
    }

    fn parse(&self, folder: &Folder) -> Result<Vec<SafeTensors<'_>>, CheckpointError> {
        self.files
            .iter()
            .map(|(name, content)| SafeTensors::deserialize(content).map_err(|error| folder.error(name, error)))
            .collect()
    }

    fn find<'a>(
        &'a self,
        folder: &Folder,
        parsed: &'a [SafeTensors<'a>],
        name: &str,
        shape: &[usize],
    ) -> Result<(&'a str, TensorView<'a>), CheckpointError> {
        let missing = || DecoderError::MissingTensor { name: name.to_owned() };
        let position = match &self.index {
            None => 0,
            Some(index) => {
                let file = index.get(name).ok_or_else(|| folder.error(INDEX, missing()))?;
                self.files.iter().position(|(name, _)| name == file).ok_or_else(|| folder.error(INDEX, missing()))?
            }
        };
        let file = self.files[position].0.as_str();
        let view = parsed[position].tensor(name).map_err(|_| match self.index {
            None => folder.error(file, missing()),
            Some(_) => folder.error(file, Problem::MisplacedTensor { name: name.to_owned() }),
        })?;
        check_view(name, &view, shape).map_err(|problem| folder.error(file, problem))?;
        Ok((file, view))
    }
}

/// A shard is a file beside its index: one ordinary name, nothing that could be a path.
fn check_shard_name(name: &str) -> Result<(), Problem> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    let right = Path::new(name).extension().is_some_and(|extension| extension == "safetensors");
    if plain && right { Ok(()) } else { Err(Problem::ShardName { name: name.to_owned() }) }
}

fn map(folder: &Folder, name: &str) -> Result<Mmap, CheckpointError> {
    let file: File = folder.file(name)?;
    // SAFETY: the map is only read. A submission is a copy that no process of its author can reach any more, so nobody
    // changes the file below the map.
    unsafe { Mmap::map(&file) }.map_err(|error| folder.error(name, error))
}

fn check_view(name: &str, view: &TensorView<'_>, shape: &[usize]) -> Result<(), Problem> {
    if view.shape() != shape {
        let (found, expected) = (view.shape().to_vec(), shape.to_vec());
        return Err(DecoderError::WrongShape { name: name.to_owned(), found, expected }.into());
    }
    match view.dtype() {
        Dtype::BF16 | Dtype::F16 | Dtype::F32 => Ok(()),
        other => Err(Problem::TensorType { name: name.to_owned(), dtype: format!("{other:?}") }),
    }
}

fn numbers(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, Problem> {
    let bytes = view.data();
    let values: Vec<f32> = match view.dtype() {
        Dtype::BF16 => pairs(bytes).map(|bits| bf16::from_bits(bits).to_f32()).collect(),
        Dtype::F16 => pairs(bytes).map(|bits| f16::from_bits(bits).to_f32()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Problem::NotFinite { name: name.to_owned(), index, value: values[index] }),
        None => Ok(values),
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
}
