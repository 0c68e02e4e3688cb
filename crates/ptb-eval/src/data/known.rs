//! What is known of a file before one looks at it: what its definition pins, or what its first fetch pinned.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ptb_core::definitions::{Fingerprint, PinnedFile};
use ptb_core::files::{self, FileError, IoContext};

use super::error::Mismatch;
use super::pins::{FirstFetch, Pins};

/// Largest file that is read into memory although no size is pinned, in bytes.
const MAX_UNPINNED: u64 = 256 << 20;

/// A file and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct KnownFile<'a> {
    pub(crate) file: &'a PinnedFile,
    /// What its first fetch pinned; none where the definition pins it.
    pub(crate) first: Option<FirstFetch>,
}

impl<'a> KnownFile<'a> {
    pub(crate) fn of(file: &'a PinnedFile, pins: &Pins) -> Result<Self, FileError> {
        let first = if file.pinned.is_some() { None } else { pins.get(&file.path)? };
        Ok(Self { file, first })
    }

    /// The fingerprints that the file may have, the published file's first. Empty before the first fetch of a file whose
    /// definition has no hash.
    pub(crate) fn accepted(&self) -> Vec<&Fingerprint> {
        match (self.file.pinned.as_ref(), &self.first) {
            (Some(published), _) => [published].into_iter().chain(&self.file.same_rows).collect(),
            (None, Some(first)) => vec![&first.fingerprint],
            (None, None) => Vec::new(),
        }
    }

    /// Most bytes that the file may have.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.accepted().iter().map(|fingerprint| fingerprint.bytes).max().unwrap_or(MAX_UNPINNED)
    }

    /// In what the size differs from all that are accepted, if it does.
    pub(crate) fn check_size(&self, found: u64) -> Option<Mismatch> {
        let accepted = self.accepted();
        let expected = accepted.first()?.bytes;
        (!accepted.iter().any(|fingerprint| fingerprint.bytes == found)).then_some(Mismatch::Size { expected, found })
    }

    /// In what the hash differs from all that are accepted, if it does.
    pub(crate) fn check_hash(&self, found: String) -> Option<Mismatch> {
        let accepted = self.accepted();
        let expected = accepted.first()?.sha256.clone();
        let known = accepted.iter().any(|fingerprint| fingerprint.sha256 == found);
        (!known).then_some(Mismatch::Hash { kind: "SHA-256", expected, found })
    }

    /// In what a file differs, by size and hash.
    pub(crate) fn check_file(&self, path: &Path) -> Result<Option<Mismatch>, FileError> {
        let found = fs::metadata(path).with_path("read", path)?.len();
        match self.check_size(found) {
            None if !self.accepted().is_empty() => Ok(self.check_hash(files::sha256_file(path)?)),
            mismatch => Ok(mismatch),
        }
    }

    /// The state of a file as far as its size tells.
    pub(crate) fn state(&self, path: &Path) -> Result<FileState, FileError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(FileState::Absent),
            Ok(metadata) if !metadata.is_file() => Ok(FileState::Damaged("it is not a plain file".to_owned())),
            metadata => {
                let bytes = metadata.with_path("read", path)?.len();
                let unpinned = self.accepted().is_empty().then(|| Mismatch::Unpinned.to_string());
                let difference = unpinned.or_else(|| self.check_size(bytes).map(|mismatch| mismatch.to_string()));
                Ok(difference.map_or(FileState::Present, FileState::Damaged))
            }
        }
    }

    /// The state of a file by its hash.
    pub(crate) fn verified_state(&self, path: &Path) -> Result<FileState, FileError> {
        match self.state(path)? {
            FileState::Present => {
                let mismatch = self.check_file(path)?;
                Ok(mismatch.map_or(FileState::Verified, |mismatch| FileState::Damaged(mismatch.to_string())))
            }
            state => Ok(state),
        }
    }
}

/// Whether a file of a data set can be used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
pub enum FileState {
    /// Made from a seed whenever it is needed.
    Generated,
    /// Never fetched.
    Absent,
    /// There, with the pinned size; the content was not looked at.
    Present,
    /// There, with the pinned content.
    Verified,
    /// There, but not the pinned file; says how it differs.
    Damaged(String),
}
