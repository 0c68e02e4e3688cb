//! Opening files of a folder that somebody else wrote.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{CheckpointError, Problem};

/// A checkpoint folder; files are opened by name and never outside of it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let failed = |problem| CheckpointError { path: path.to_owned(), problem };
        let path = fs::canonicalize(path).map_err(|error| failed(absent_or_refused(error)))?;
        if path.is_dir() { Ok(Self { path }) } else { Err(failed(Problem::NotAFile)) }
    }

    /// The error of `problem` with the file `name`.
    pub(super) fn error(&self, name: &str, problem: impl Into<Problem>) -> CheckpointError {
        CheckpointError { path: self.path.join(name), problem: problem.into() }
    }

    /// Whether there is an entry of this name, whatever it is.
    pub(super) fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path.join(name)).is_ok()
    }

    /// Opens a plain file of the folder. Links within the folder are followed, others refused.
    pub(super) fn file(&self, name: &str) -> Result<File, CheckpointError> {
        let target =
            fs::canonicalize(self.path.join(name)).map_err(|error| self.error(name, absent_or_refused(error)))?;
        if !target.starts_with(&self.path) {
            return Err(self.error(name, Problem::Escapes));
        }
        // Looked at before opening: opening a pipe would wait for a writer.
        let metadata = fs::metadata(&target).map_err(|error| self.error(name, error))?;
        if !metadata.is_file() {
            return Err(self.error(name, Problem::NotAFile));
        }
        File::open(&target).map_err(|error| self.error(name, error))
    }

    /// Reads a whole file of at most `limit` bytes.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, CheckpointError> {
        let file = self.file(name)?;
        let bytes = file.metadata().map_err(|error| self.error(name, error))?.len();
        if bytes > limit {
            return Err(self.error(name, Problem::TooLarge { bytes, limit }));
        }
        let mut content = Vec::with_capacity(bytes as usize);
        file.take(limit).read_to_end(&mut content).map_err(|error| self.error(name, error))?;
        Ok(content)
    }
}

fn absent_or_refused(error: io::Error) -> Problem {
    if error.kind() == io::ErrorKind::NotFound { Problem::Missing } else { Problem::Io(error) }
}
