//! Base models and data sets on this machine, shared by all runs and never written by an agent.

use std::path::{Path, PathBuf};

use ptb_core::definitions::{BaseModelDefinition, BaseModelSource, Gate};
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
    /// The base model has not been downloaded.
    #[error("the base model {model} is not here: {} has no config.json; {}", folder.display(), advice(.model, .repo, .gated.as_deref()))]
    NotFetched {
        /// The model.
        model: String,
        /// Its repository on the hub.
        repo: String,
        /// Where it is looked for.
        folder: PathBuf,
        /// What its owner wants first.
        gated: Option<Box<Gate>>,
    },
}

fn advice(model: &str, repo: &str, gated: Option<&Gate>) -> String {
    let licence = gated.map_or_else(String::new, |gate| {
        format!("; before that, accept its licence on {} and set {}", gate.licence_page, gate.token_variable)
    });
    format!("fetch {repo} with `ptb data fetch {model}`, or put a copy of it there{licence}")
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

    /// Base models, one folder for each.
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The checkpoint folder of a base model: an embedded one is written there first, another must have been fetched.
    pub fn base_model(&self, model: &BaseModelDefinition) -> Result<PathBuf, CacheError> {
        match &model.source {
            BaseModelSource::Embedded => self.embedded_model(model),
            BaseModelSource::Hub { repo, gated, .. } => {
                let folder = self.models().join(model.folder_name());
                if folder.join("config.json").is_file() {
                    return Ok(folder);
                }
                let (model, repo) = (model.id.to_string(), repo.clone());
                Err(CacheError::NotFetched { model, repo, folder, gated: gated.clone().map(Box::new) })
            }
        }
    }

    fn embedded_model(&self, model: &BaseModelDefinition) -> Result<PathBuf, CacheError> {
        // The version is part of the name: another binary may embed other weights.
        let name = format!("{}-{}", model.id, env!("CARGO_PKG_VERSION"));
        let path = self.models().join(name);
        if !path.join("config.json").is_file() {
            files::create_folder(&self.models())?;
            ptb_micro::write_base_model(&path).map_err(|error| CacheError::BaseModel {
                model: model.id.to_string(),
                path: path.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ptb_core::definitions::Catalog;

    use super::*;

    #[test]
    fn a_model_of_the_hub_is_found_once_it_is_there_and_asked_for_by_name_before() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, catalog) = (Cache::at(folder.path()), Catalog::embedded().unwrap());
        let gemma = catalog.model(&"gemma-3-4b".parse().unwrap()).unwrap();
        let error = cache.base_model(gemma).unwrap_err().to_string();
        for part in ["gemma-3-4b", "google/gemma-3-4b-pt", "ptb data fetch", "HF_TOKEN", "licence"] {
            assert!(error.contains(part), "{error}");
        }
        let qwen = catalog.model(&"qwen3-4b".parse().unwrap()).unwrap();
        assert!(!cache.base_model(qwen).unwrap_err().to_string().contains("licence"));

        let place = cache.models().join(gemma.folder_name());
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("config.json"), "{}").unwrap();
        assert_eq!(cache.base_model(gemma).unwrap(), place);
    }
}
