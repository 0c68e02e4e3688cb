//! Hashes that files are checked with.

use std::fs::File;
use std::io;
use std::path::Path;

use ptb_core::files::{self, FileError, IoContext};
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use super::error::Mismatch;

/// A hash that a file must have, in lower-case hexadecimal. A revision, which is a commit, fixes both kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// SHA-256 of the content.
    Sha256(String),
    /// Git's id of the content as a blob: SHA-1 over a header and the content.
    GitBlob(String),
}

impl Digest {
    /// In what a file differs from this hash, if it does.
    pub(crate) fn check(&self, path: &Path) -> Result<Option<Mismatch>, FileError> {
        let (kind, expected, found) = match self {
            Self::Sha256(expected) => ("SHA-256", expected, files::sha256_file(path)?),
            Self::GitBlob(expected) => ("Git blob id", expected, git_blob(path)?),
        };
        Ok((*expected != found).then(|| Mismatch::Hash { kind, expected: expected.clone(), found: found.clone() }))
    }
}

/// Git's blob id: SHA-1 over a header with the size, and the content. It only has to tell a damaged file: which files
/// belong to a revision is the server's word, as with every pin by commit.
fn git_blob(path: &Path) -> Result<String, FileError> {
    let mut file = File::open(path).with_path("read", path)?;
    let bytes = file.metadata().with_path("read", path)?.len();
    let mut hasher = Hashing(Sha1::new_with_prefix(format!("blob {bytes}\0")));
    io::copy(&mut file, &mut hasher).with_path("read", path)?;
    Ok(hex::encode(hasher.0.finalize()))
}

struct Hashing(Sha1);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn blob_ids_are_those_of_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "hello\n").unwrap();
        // `printf 'hello\n' | git hash-object --stdin`
        let id = "ce013625030ba8dba906f756967f9e9ca394464a".to_owned();
        assert_eq!(Digest::GitBlob(id.clone()).check(&path).unwrap(), None);
        fs::write(&path, "hell0\n").unwrap();
        assert!(Digest::GitBlob(id).check(&path).unwrap().is_some());
    }
}
