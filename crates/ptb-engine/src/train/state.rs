//! The state of a run on disk, from which it can go on after it was ended.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::TrainError;
use super::finetune::FinetuneOptions;
use super::rows::Row;
use super::save::{beside, write_folder, write_synced, write_weights};
use super::trainable::Trainable;
use crate::decoder::TensorMap;

const STATE: &str = "state.json";
const VALUES: &str = "values.safetensors";
const MEANS: &str = "means.safetensors";
const SQUARES: &str = "squares.safetensors";

/// A hash of all that decides the outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint(String);

impl Fingerprint {
    /// Settings, rows and the weights at the start; not the number of threads, on which nothing depends.
    pub(super) fn of(options: &FinetuneOptions, model: &Trainable, rows: &[Row]) -> Self {
        let mut hash = Sha256::new();
        let settings = FinetuneOptions {
            base: PathBuf::new(),
            data: PathBuf::new(),
            out: PathBuf::new(),
            threads: 1,
            checkpoint_every: None,
            resume: false,
            ..options.clone()
        };
        hash.update(format!("{settings:?}"));
        for row in rows {
            for (token, learned) in row.tokens.iter().zip(&row.learned) {
                hash.update(token.to_le_bytes());
                hash.update([u8::from(*learned)]);
            }
            hash.update([2]);
        }
        for parameter in &model.parameters.0 {
            hash.update(&parameter.name);
            for value in &parameter.values {
                hash.update(value.to_le_bytes());
            }
        }
        Self(hex::encode(hash.finalize()))
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    step: usize,
    fingerprint: Fingerprint,
}

/// The stored states of one run: a folder beside its output with one folder `step-N` for the last stored step.
#[derive(Debug)]
pub(super) struct States {
    folder: PathBuf,
}

impl States {
    pub(super) fn beside(out: &Path) -> Self {
        Self { folder: beside(out, ".checkpoints") }
    }

    /// Stores the state after `step` steps, then removes older ones.
    pub(super) fn store(&self, model: &Trainable, step: usize, fingerprint: &Fingerprint) -> Result<(), TrainError> {
        fs::create_dir_all(&self.folder).map_err(TrainError::file("create", &self.folder))?;
        let older = self.steps()?;
        let path = self.path(step);
        let record = Record { step, fingerprint: fingerprint.clone() };
        if path.exists() {
            fs::remove_dir_all(&path).map_err(TrainError::file("remove", &path))?;
        }
        write_folder(&path, |folder| {
            let parameters = &model.parameters.0;
            let save = |name: &str, part: fn(&super::parameters::Parameter) -> &[f32]| {
                let tensors = parameters.iter().map(|parameter| {
                    let tensor = Tensor::from_slice(part(parameter), parameter.shape.as_slice(), &Device::Cpu)?;
                    Ok((parameter.name.clone(), tensor))
                });
                write_weights(&tensors.collect::<Result<TensorMap, TrainError>>()?, Dtype::F32, &folder.join(name))
            };
            save(VALUES, |parameter| &parameter.values)?;
            save(MEANS, |parameter| &parameter.mean)?;
            save(SQUARES, |parameter| &parameter.square)?;
            let json = serde_json::to_vec(&record).map_err(|error| self.mismatch(error.to_string()))?;
            write_synced(&folder.join(STATE), &json)
        })?;
        for step in older.into_iter().filter(|&other| other != step) {
            let path = self.path(step);
            fs::remove_dir_all(&path).map_err(TrainError::file("remove", path))?;
        }
        Ok(())
    }

    /// Puts the last stored state into `model` and returns the number of steps it has behind it; 0 if none is stored.
    pub(super) fn restore(&self, model: &mut Trainable, fingerprint: &Fingerprint) -> Result<usize, TrainError> {
        let Some(step) = self.steps()?.into_iter().max() else { return Ok(0) };
        let path = self.path(step);
        let text = fs::read(path.join(STATE)).map_err(TrainError::file("read", path.join(STATE)))?;
        let record: Record = serde_json::from_slice(&text).map_err(|error| self.mismatch(error.to_string()))?;
        if record.fingerprint != *fingerprint || record.step != step {
            return Err(self.mismatch("it belongs to a run with other settings, data or base weights"));
        }
        let files = [VALUES, MEANS, SQUARES].map(|name| candle_core::safetensors::load(path.join(name), &Device::Cpu));
        for (part, tensors) in files.into_iter().enumerate() {
            let tensors = tensors?;
            for parameter in &mut model.parameters.0 {
                let stored = tensors.get(&parameter.name).filter(|tensor| tensor.dims() == parameter.shape);
                let stored = stored.ok_or_else(|| self.mismatch(format!("{} is missing", parameter.name)))?;
                let place = [&mut parameter.values, &mut parameter.mean, &mut parameter.square];
                let [values, mean, square] = place;
                *[values, mean, square][part] = stored.flatten_all()?.to_vec1()?;
            }
        }
        Ok(step)
    }

    /// Removes all stored states; there need not be any.
    pub(super) fn remove(&self) -> Result<(), TrainError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(TrainError::file("remove", &self.folder)(error)),
            _ => Ok(()),
        }
    }

    fn path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("step-{step}"))
    }

    fn mismatch(&self, reason: impl Into<String>) -> TrainError {
        TrainError::Resume { path: self.folder.clone(), reason: reason.into() }
    }

    fn steps(&self) -> Result<Vec<usize>, TrainError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(TrainError::file("read", &self.folder))?,
        };
        let mut steps = Vec::new();
        for entry in entries {
            let entry = entry.map_err(TrainError::file("read", &self.folder))?;
            // A folder that was not finished has an ending and is no number.
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("step-"));
            steps.extend(number.and_then(|step| step.parse::<usize>().ok()));
        }
        Ok(steps)
    }
}
