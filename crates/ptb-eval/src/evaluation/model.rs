//! Which model is evaluated.

use std::fs;
use std::path::{Path, PathBuf};

use ptb_core::files::{self, FileError, IoContext};
use serde::{Deserialize, Serialize};

/// Which model is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Name for people and logs.
    pub name: String,
    /// SHA-256 of what makes the model what it is, so that answers of another model are never reused; any text that
    /// changes with the model where there is no hash.
    pub hash: String,
}

impl ModelIdentity {
    /// The identity of a checkpoint folder: names and contents of its JSON and safetensors files.
    pub fn of_folder(name: impl Into<String>, folder: &Path) -> Result<Self, FileError> {
        let mut lines = Vec::new();
        for path in checkpoint_files(folder)? {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            lines.push(format!("{} {file_name}", files::sha256_file(&path)?));
        }
        Ok(Self { name: name.into(), hash: files::sha256(lines.join("\n").as_bytes()) })
    }
}

fn checkpoint_files(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_path("list", folder)? {
        let path = entry.with_path("list", folder)?.path();
        let wanted = path.extension().is_some_and(|extension| extension == "json" || extension == "safetensors");
        // Anything else than a plain file, such as a FIFO, would never end or is nothing to read.
        if wanted && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_settings_make_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let hash = || ModelIdentity::of_folder("m", folder.path()).unwrap().hash;
        fs::write(folder.path().join("config.json"), "{}").unwrap();
        let first = hash();
        fs::write(folder.path().join("README.md"), "x").unwrap();
        assert_eq!(hash(), first);
        fs::write(folder.path().join("model.safetensors"), "x").unwrap();
        assert_ne!(hash(), first);
        fs::write(folder.path().join("config.json"), "{ }").unwrap();
        assert_ne!(hash(), first);
    }
}
