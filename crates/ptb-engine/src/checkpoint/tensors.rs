//! The weights of a checkpoint, in one file or several.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use candle_core::{DType, Tensor};
use rayon::prelude::*;
use safetensors::tensor::{TensorInfo, TensorView};
use serde::Deserialize;

use super::error::{CheckpointError, Problem};
use super::folder::Folder;
use super::names::Names;
use super::weight_file::{WeightFile, check, weight_type};
use crate::config::{DecoderConfig, WeightType};
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
    files: Vec<WeightFile>,
    /// Which file holds a tensor, if there is an index.
    index: Option<BTreeMap<String, String>>,
    names: Names,
}

impl Shards {
    /// Maps `model.safetensors`, or the shards that the index names.
    pub(super) fn open(folder: &Folder, config: &DecoderConfig) -> Result<Self, CheckpointError> {
        let (files, index) = if folder.has(WHOLE) || !folder.has(INDEX) {
            (vec![WeightFile::open(folder, WHOLE)?], None)
        } else {
            let index = read_index(folder)?;
            let names: BTreeSet<&String> = index.values().collect();
            let open = |name: &String| {
                check_shard_name(name).map_err(|problem| folder.error(INDEX, problem))?;
                WeightFile::open(folder, name)
            };
            (names.into_iter().map(open).collect::<Result<_, _>>()?, Some(index))
        };
        let is_present = |name: &str| match &index {
            Some(index) => index.contains_key(name),
            None => files.iter().any(|file: &WeightFile| file.info(name).is_some()),
        };
        let names = Names::detect(config, is_present).map_err(|problem| folder.error(WHOLE, problem))?;
        Ok(Self { files, index, names })
    }

    /// Checks every header against the configuration; returns the names of tensors that no part of the model uses.
    pub(super) fn check(&self, folder: &Folder, config: &DecoderConfig) -> Result<Vec<String>, CheckpointError> {
        let mut used = BTreeSet::new();
        for (name, shape) in tensor_shapes(config) {
            let stored = self.names.stored(&name);
            let (file, info) = self.find(folder, &stored)?;
            check(&stored, info, &shape).map_err(|problem| folder.error(&file.name, problem))?;
            used.insert(stored);
        }
        let all = self.files.iter().flat_map(WeightFile::names);
        Ok(all.filter(|name| !used.contains(name) && !self.names.is_of_another_part(name)).collect())
    }

    /// All weights of the decoder in single precision; every value is a finite number.
    pub(super) fn load(&self, folder: &Folder, config: &DecoderConfig) -> Result<TensorMap, CheckpointError> {
        tensor_shapes(config)
            .into_par_iter()
            .map(|(name, shape)| {
                let tensor = self.read(folder, &name, &shape)?;
                let wide = tensor.to_dtype(DType::F32).map_err(DecoderError::from);
                Ok((name, wide.map_err(|error| folder.error(WHOLE, error))?))
            })
            .collect()
    }

    /// One tensor of the decoder in the type in which it is stored; every value is a finite number.
    pub(super) fn read(&self, folder: &Folder, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        let stored = self.names.stored(name);
        let (file, info) = self.find(folder, &stored)?;
        check(&stored, info, shape)
            .and_then(|()| file.read(&stored, info))
            .map_err(|problem| folder.error(&file.name, problem))
    }

    /// The stored name and type of a tensor of the decoder.
    pub(super) fn storage(&self, folder: &Folder, name: &str) -> Result<(String, WeightType), CheckpointError> {
        let stored = self.names.stored(name);
        let (file, info) = self.find(folder, &stored)?;
        let kind = weight_type(&stored, info).map_err(|problem| folder.error(&file.name, problem))?;
        Ok((stored, kind))
    }

    /// The tensors of the other parts of the model, as they are stored.
    pub(super) fn other_parts(&self, folder: &Folder) -> Result<Vec<(String, TensorView<'_>)>, CheckpointError> {
        let names = self.files.iter().flat_map(WeightFile::names).collect::<BTreeSet<_>>();
        let others = names.into_iter().filter(|name| self.names.is_of_another_part(name));
        others
            .map(|name| {
                let (file, info) = self.find(folder, &name)?;
                let view = file.view(info).map_err(|problem| folder.error(&file.name, problem))?;
                Ok((name, view))
            })
            .collect()
    }

    fn find(&self, folder: &Folder, stored: &str) -> Result<(&WeightFile, &TensorInfo), CheckpointError> {
        let missing = || DecoderError::MissingTensor { name: stored.to_owned() };
        let file = match &self.index {
            None => &self.files[0],
            Some(index) => {
                let name = index.get(stored).ok_or_else(|| folder.error(INDEX, missing()))?;
                self.files.iter().find(|file| file.name == *name).ok_or_else(|| folder.error(INDEX, missing()))?
            }
        };
        let info = file.info(stored).ok_or_else(|| match self.index {
            None => folder.error(&file.name, missing()),
            Some(_) => folder.error(&file.name, Problem::MisplacedTensor { name: stored.to_owned() }),
        })?;
        Ok((file, info))
    }
}

fn read_index(folder: &Folder) -> Result<BTreeMap<String, String>, CheckpointError> {
    let bytes = folder.read(INDEX, INDEX_LIMIT)?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|error| folder.error(INDEX, Problem::Index(error)))?;
    Ok(index.weight_map)
}

/// A shard is a file beside its index: one ordinary name, nothing that could be a path.
fn check_shard_name(name: &str) -> Result<(), Problem> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    let right = Path::new(name).extension().is_some_and(|extension| extension == "safetensors");
    if plain && right { Ok(()) } else { Err(Problem::ShardName { name: name.to_owned() }) }
}
