//! All definitions that are known: embedded ones, and those of a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{AgentDefinition, BaseModelDefinition, BenchmarkDefinition, Pack};
use crate::files::{self, FileError};
use crate::ids::{AgentId, BaseModelId, BenchmarkId};

/// The files of `definitions/`, as path and content.
static EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/definitions.rs"));

/// A definition that cannot be used.
#[derive(Debug, Error)]
pub enum DefinitionError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file's content is wrong.
    #[error("the definition {file} is wrong: {cause}")]
    Content {
        /// The file.
        file: String,
        /// What the parser says, with line and column.
        cause: Box<toml::de::Error>,
    },
    /// The file's name and the id in it differ.
    #[error("the definition {file} defines {id:?}: rename the file to {expected}, or change the id")]
    Misnamed {
        /// The file.
        file: String,
        /// The id in it.
        id: String,
        /// The file name for that id.
        expected: String,
    },
    /// Nobody defined this name.
    #[error("there is no {kind} {name:?}{}", suggestion(.near.as_deref(), .known))]
    Unknown {
        /// Benchmark, base model, agent or pack.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The nearest name.
        near: Option<String>,
        /// All names.
        known: Vec<String>,
    },
}

fn suggestion(near: Option<&str>, known: &[String]) -> String {
    match near {
        Some(near) => format!("; did you mean {near:?}?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

/// All definitions that are known.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    agents: BTreeMap<String, AgentDefinition>,
    benchmarks: BTreeMap<String, BenchmarkDefinition>,
    models: BTreeMap<String, BaseModelDefinition>,
    packs: BTreeMap<String, Pack>,
}

impl Catalog {
    /// The definitions that are part of the binary.
    pub fn embedded() -> Result<Self, DefinitionError> {
        let mut catalog = Self::default();
        for (path, content) in EMBEDDED {
            catalog.add(Path::new(path), content)?;
        }
        Ok(catalog)
    }

    /// The embedded definitions, with those of `folder` added or put in their place.
    pub fn with_folder(folder: &Path) -> Result<Self, DefinitionError> {
        let mut catalog = Self::embedded()?;
        for path in definition_files(folder)? {
            let content = files::read_text(&path)?;
            let relative = path.strip_prefix(folder).unwrap_or(&path);
            catalog.add(relative, &content)?;
        }
        Ok(catalog)
    }

    fn add(&mut self, path: &Path, content: &str) -> Result<(), DefinitionError> {
        match path.components().next().and_then(|kind| kind.as_os_str().to_str()) {
            Some("agents") => insert(&mut self.agents, path, content, |agent| agent.id.to_string()),
            Some("benchmarks") => insert(&mut self.benchmarks, path, content, |benchmark| benchmark.id.to_string()),
            Some("models") => insert(&mut self.models, path, content, |model| model.id.to_string()),
            Some("packs") => insert(&mut self.packs, path, content, |pack| pack.id.clone()),
            _ => Ok(()),
        }
    }

    /// The definition of an agent.
    pub fn agent(&self, id: &AgentId) -> Result<&AgentDefinition, DefinitionError> {
        find(&self.agents, "agent", id.as_str())
    }

    /// The definition of a benchmark.
    pub fn benchmark(&self, id: &BenchmarkId) -> Result<&BenchmarkDefinition, DefinitionError> {
        find(&self.benchmarks, "benchmark", id.as_str())
    }

    /// The definition of a base model.
    pub fn model(&self, id: &BaseModelId) -> Result<&BaseModelDefinition, DefinitionError> {
        find(&self.models, "base model", id.as_str())
    }

    /// A pack.
    pub fn pack(&self, id: &str) -> Result<&Pack, DefinitionError> {
        find(&self.packs, "pack", id)
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = &AgentDefinition> {
        self.agents.values()
    }

    /// All benchmarks.
    pub fn benchmarks(&self) -> impl Iterator<Item = &BenchmarkDefinition> {
        self.benchmarks.values()
    }

    /// All base models.
    pub fn models(&self) -> impl Iterator<Item = &BaseModelDefinition> {
        self.models.values()
    }
}

fn insert<T: DeserializeOwned>(
    definitions: &mut BTreeMap<String, T>,
    path: &Path,
    content: &str,
    id_of: impl Fn(&T) -> String,
) -> Result<(), DefinitionError> {
    let file = path.display().to_string();
    let definition = toml::from_str(content)
        .map_err(|cause| DefinitionError::Content { file: file.clone(), cause: Box::new(cause) })?;
    let id = id_of(&definition);
    let below_kind: PathBuf = path.components().skip(1).collect();
    let expected = format!("{id}.toml");
    if below_kind != Path::new(&expected) {
        return Err(DefinitionError::Misnamed { file, id, expected });
    }
    definitions.insert(id, definition);
    Ok(())
}

fn find<'a, T>(definitions: &'a BTreeMap<String, T>, kind: &'static str, name: &str) -> Result<&'a T, DefinitionError> {
    definitions.get(name).ok_or_else(|| DefinitionError::Unknown {
        kind,
        name: name.to_owned(),
        near: nearest(name, definitions.keys()),
        known: definitions.keys().cloned().collect(),
    })
}

/// The known name that is most alike, if any is alike enough to be a slip of the finger.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    const ALIKE: f64 = 0.75;
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

fn definition_files(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).max_depth(4).sort_by_file_name() {
        let entry = entry.map_err(|error| FileError::new("list", folder, std::io::Error::from(error)))?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "toml") {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn embedded_definitions_are_right() {
        let catalog = Catalog::embedded().unwrap();
        assert!(catalog.benchmarks().any(|benchmark| benchmark.id.as_str() == "micro-math"));
        let pack = catalog.pack("default").unwrap();
        for benchmark in catalog.benchmarks() {
            let wording = pack.prompts.get(benchmark.prompt_name());
            assert!(wording.is_some(), "{}", benchmark.id);
            assert!(benchmark.max_tokens.iter().all(|limit| *limit > 0) && !benchmark.max_tokens.is_empty());
        }
    }

    #[test]
    fn a_slip_in_a_name_gets_a_suggestion() {
        let catalog = Catalog::embedded().unwrap();
        let error = catalog.benchmark(&"micro-maths".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "there is no benchmark \"micro-maths\"; did you mean \"micro-math\"?");
        let error = catalog.benchmark(&"zzz".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("known are"), "{error}");
    }

    #[test]
    fn a_folder_adds_and_replaces_and_its_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let agents = folder.path().join("agents");
        fs::create_dir(&agents).unwrap();
        let agent = "id = 'mine'\ntitle = 'Mine'\ndescription = ''\nscaffold = 'scripted'\n";
        fs::write(agents.join("mine.toml"), agent).unwrap();
        let catalog = Catalog::with_folder(folder.path()).unwrap();
        assert_eq!(catalog.agent(&"mine".parse().unwrap()).unwrap().title, "Mine");

        fs::write(agents.join("other.toml"), agent).unwrap();
        let error = Catalog::with_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("agents/other.toml") && error.contains("mine.toml"), "{error}");

        fs::write(agents.join("other.toml"), format!("{agent}stepz = 1\n")).unwrap();
        let error = Catalog::with_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("agents/other.toml") && error.contains("stepz"), "{error}");
    }
}
