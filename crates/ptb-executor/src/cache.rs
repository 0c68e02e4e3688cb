//! Base models and data sets on this machine, shared by all runs and never written by an agent.

use std::path::{Path, PathBuf};

use ptb_core::definitions::{BaseModelDefinition, BaseModelSource};
use ptb_core::files::{self, FileError};
use thiserror::Error;

/// Something that should be in the cache cannot be had.
#[derive(Debug, Error)]
pub enum CacheError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The embedded base model cannot be written.
    #[error("cannot write the base model {model} to {}: {reason}", path.display())]
    BaseModel {
        /// The model.
        model: String,
        /// Where to.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The typed handle of the cache folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Downloaded data sets.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The checkpoint folder of a base model, written there first if need be.
    pub fn base_model(&self, model: &BaseModelDefinition) -> Result<PathBuf, CacheError> {
        match model.source {
            BaseModelSource::Embedded => self.embedded_model(model),
        }
    }

    fn embedded_model(&self, model: &BaseModelDefinition) -> Result<PathBuf, CacheError> {
        // The version is part of the name: another binary may embed other weights.
        let name = format!("{}-{}", model.id, env!("CARGO_PKG_VERSION"));
        let path = self.root.join("models").join(name);
        if !path.join("config.json").is_file() {
            files::create_folder(&self.root.join("models"))?;
            ptb_micro::write_base_model(&path).map_err(|error| CacheError::BaseModel {
                model: model.id.to_string(),
                path: path.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(path)
    }
}
