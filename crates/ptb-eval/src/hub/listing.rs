//! The files of a repository at a revision.

use serde::{Deserialize, Serialize};

use crate::data::Digest;

/// A file of a repository, as the hub lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFile {
    /// Path below the repository's root.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// What its content is checked with.
    pub digest: Digest,
}

/// An entry of the hub's answer.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    oid: String,
    size: u64,
}

/// Reads one page of the hub's answer. Folders are left out.
pub(crate) fn parse(page: &[u8]) -> Result<Vec<RemoteFile>, serde_json::Error> {
    let entries: Vec<Entry> = serde_json::from_slice(page)?;
    Ok(entries.into_iter().filter(|entry| entry.kind == "file").map(remote_file).collect())
}

fn remote_file(entry: Entry) -> RemoteFile {
    let (bytes, digest) = match entry.lfs {
        // Older answers call the hash "sha256:...".
        Some(large) => {
            let oid = large.oid.strip_prefix("sha256:").unwrap_or(&large.oid).to_owned();
            (large.size, Digest::Sha256(oid))
        }
        None => (entry.size, Digest::GitBlob(entry.oid)),
    };
    RemoteFile { path: entry.path, bytes, digest }
}

/// Whether a file is part of a checkpoint as it is used here: weights as safetensors, configuration, tokenizer. Pickles,
/// code and other frameworks' weights are not fetched.
pub(crate) fn is_checkpoint_file(path: &str) -> bool {
    const NAMES: [&str; 3] = ["merges.txt", "tokenizer.model", "vocab.txt"];
    let plain = !path.contains('/');
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    plain && (matches!(extension, "json" | "safetensors" | "jinja") || NAMES.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_files_have_their_hashes() {
        let page = br#"[{"type":"directory","oid":"d","size":0,"path":"onnx"},
            {"type":"file","oid":"aa","size":7,"path":"config.json"},
            {"type":"file","oid":"pointer","size":9,"path":"model.safetensors",
             "lfs":{"oid":"ff","size":9,"pointerSize":135},"xetHash":"x"}]"#;
        let files = parse(page).unwrap();
        assert_eq!(files[0].digest, Digest::GitBlob("aa".to_owned()));
        assert_eq!((files[1].bytes, &files[1].digest), (9, &Digest::Sha256("ff".to_owned())));
        assert_eq!(files.len(), 2);
        assert!(parse(b"{\"error\":\"x\"}").is_err());
    }

    #[test]
    fn only_what_a_checkpoint_needs_is_fetched() {
        for path in ["config.json", "model-00001-of-00002.safetensors", "merges.txt", "chat_template.jinja"] {
            assert!(is_checkpoint_file(path), "{path}");
        }
        for path in ["pytorch_model.bin", "modeling_x.py", "onnx/model.json", "README.md", "model.gguf"] {
            assert!(!is_checkpoint_file(path), "{path}");
        }
    }
}
