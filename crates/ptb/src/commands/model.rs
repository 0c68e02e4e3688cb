//! Finding the model that a command is about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ptb_core::definitions::{Catalog, Family};
use ptb_core::ids::BaseModelId;
use ptb_executor::cache::CacheError;

use super::Environment;
use crate::failure::{Failure, Sort, usage};

/// A model to run: its checkpoint folder and the family that decides its chat template.
#[derive(Debug)]
pub struct Found {
    /// Name for people and logs.
    pub name: String,
    /// The checkpoint folder.
    pub folder: PathBuf,
    /// The family.
    pub family: Family,
}

/// The model of this name: a base model's id, or the path of a checkpoint folder.
pub fn find(name: &str, catalog: &Catalog, environment: &Environment) -> Result<Found, Failure> {
    let path = Path::new(name);
    if path.is_dir() {
        let family = family_of(path, catalog)?;
        return Ok(Found { name: name.to_owned(), folder: path.to_owned(), family });
    }
    let Ok(id) = name.parse::<BaseModelId>() else {
        return Err(usage(format!("there is no checkpoint folder {name}")));
    };
    let Ok(model) = catalog.model(&id) else {
        return Err(usage(format!("{name} is neither a checkpoint folder nor a base model that is known")));
    };
    let folder = environment.cache.base_model(model).map_err(|error| match error {
        CacheError::NotFetched { .. } => Failure::Environment(error.into()),
        _ => Failure::Bad(error.into()),
    })?;
    Ok(Found { name: name.to_owned(), folder, family: model.family })
}

/// The family whose models have the folder's architecture.
pub fn family_of(folder: &Path, catalog: &Catalog) -> Result<Family, Failure> {
    #[derive(serde::Deserialize)]
    struct Config {
        #[serde(default)]
        architectures: Vec<String>,
    }
    let config: Config = ptb_core::files::read_json(&folder.join("config.json")).usage()?;
    let defined = |architecture: &str| catalog.models().find(|model| model.architecture == architecture);
    let of = |architecture: &String| {
        defined(architecture).map(|model| model.family).or_else(|| Family::of_architecture(architecture))
    };
    config.architectures.iter().find_map(of).ok_or_else(|| {
        let known: BTreeSet<_> = catalog.models().map(|model| model.architecture.as_str()).collect();
        let known: Vec<_> = known.into_iter().collect();
        usage(format!(
            "{} has the architectures {:?}; those that can be run are {}",
            folder.display(),
            config.architectures,
            known.join(", ")
        ))
    })
}
