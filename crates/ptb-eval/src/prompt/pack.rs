//! Packs by name or file.

use std::path::{Path, PathBuf};

use ptb_core::definitions::{Catalog, DefinitionError, Pack};
use ptb_core::files::{self, FileError};
use thiserror::Error;

use super::reference_pack;

/// A pack that cannot be used.
#[derive(Debug, Error)]
pub enum PackError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such pack.
    #[error("{0}; a pack file is given with its path, such as ./mine.toml")]
    Unknown(#[from] DefinitionError),
    /// The content is wrong.
    #[error("the pack {} is wrong: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
}

/// The pack of this name, or that of a file: TOML like those of `definitions/packs`, or JSON in the shape in which the
/// reference's wordings were written down.
pub fn load_pack(name: &str, catalog: &Catalog) -> Result<Pack, PackError> {
    let path = Path::new(name);
    let extension = path.extension().and_then(|extension| extension.to_str());
    if !matches!(extension, Some("toml" | "json")) && !name.contains('/') {
        return Ok(catalog.pack(name)?.clone());
    }
    let content = files::read_text(path)?;
    let pack = if extension == Some("json") {
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        reference_pack::parse(&id, &content)
    } else {
        toml::from_str(&content).map_err(|error| error.to_string())
    };
    pack.map_err(|reason| PackError::Content { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn packs_are_found_by_name_and_by_file() {
        let catalog = Catalog::embedded().unwrap();
        assert_eq!(load_pack("default", &catalog).unwrap().id, "default");
        let message = load_pack("defautl", &catalog).unwrap_err().to_string();
        assert!(message.contains("did you mean \"default\"") && message.contains("path"), "{message}");
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let toml = write("a.toml", "id = 'mine'\ndescription = ''\n[prompts.x]\nuser = '{question}'\n");
        assert_eq!(load_pack(&toml, &catalog).unwrap().prompts["x"].user, "{question}");
        let json = write("b.json", r#"{"aime2025": {"user": {"template": "{prompt}"}}}"#);
        assert_eq!(load_pack(&json, &catalog).unwrap().id, "b");
        let bad = write("c.toml", "id = 'mine'\nprompts = 3\n");
        let message = load_pack(&bad, &catalog).unwrap_err().to_string();
        assert!(message.contains("c.toml") && message.contains("line 2"), "{message}");
        assert!(load_pack("none/x.json", &catalog).unwrap_err().to_string().contains("none/x.json"));
    }
}
