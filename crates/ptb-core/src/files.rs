//! Reading and writing of files with errors that name the file, and writes that are whole or absent.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;

/// Largest JSON or TOML document that is read whole, in bytes.
pub const MAX_DOCUMENT: u64 = 256 * 1024 * 1024;

/// What went wrong with which file.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {cause}", path.display())]
pub struct FileError {
    /// The verb, such as `read`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: FileErrorCause,
}

/// Why a file operation failed.
#[derive(Debug, Error)]
pub enum FileErrorCause {
    /// The operating system refused.
    #[error("{0}{hint}", hint = disk_hint(.0))]
    Io(#[from] io::Error),
    /// The content is not the expected JSON.
    #[error("not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The file is larger than anything we write there.
    #[error("the file has {bytes} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The path names something other than a plain file.
    #[error("not a plain file")]
    NotAFile,
}

fn disk_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => " (free some space on this disk, then start the same command again)",
        io::ErrorKind::QuotaExceeded => {
            " (the disk quota is used up: free some space, then start the same command again)"
        }
        _ => "",
    }
}

impl FileError {
    /// An error of `action` on `path`.
    pub fn new(action: &'static str, path: &Path, cause: impl Into<FileErrorCause>) -> Self {
        Self { action, path: path.to_owned(), cause: cause.into() }
    }

    /// Whether the file is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.cause, FileErrorCause::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Names the file and the action in an error of the operating system.
pub trait IoContext<T> {
    /// Turns the error into one that says what was done to which file.
    fn with_path(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn with_path(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|error| FileError::new(action, path, error))
    }
}

/// Reads a whole plain file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let metadata = fs::metadata(path).with_path("read", path)?;
    if !metadata.is_file() {
        return Err(FileError::new("read", path, FileErrorCause::NotAFile));
    }
    let file = File::open(path).with_path("read", path)?;
    let mut content = Vec::with_capacity(metadata.len().min(limit) as usize);
    // One byte more than allowed tells a file that grew from one that fits.
    file.take(limit + 1).read_to_end(&mut content).with_path("read", path)?;
    if content.len() as u64 > limit {
        return Err(FileError::new("read", path, FileErrorCause::TooLarge { bytes: metadata.len(), limit }));
    }
    Ok(content)
}

/// Reads a text file. Invalid UTF-8 is an error.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let bytes = read_bounded(path, MAX_DOCUMENT)?;
    String::from_utf8(bytes)
        .map_err(|error| FileError::new("read", path, io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())))
}

/// Reads a JSON document.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let bytes = read_bounded(path, MAX_DOCUMENT)?;
    serde_json::from_slice(&bytes).map_err(|error| FileError::new("read", path, error))
}

/// Reads a JSON document that may be absent.
pub fn read_json_if_present<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    match read_json(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file so that after a crash either the old or the new content is there, never a part.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_atomic_with(path, |file| file.write_all(content))
}

/// Like [`write_atomic`], for content that is produced piece by piece.
pub fn write_atomic_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let folder = parent_of(path);
    fs::create_dir_all(folder).with_path("create", folder)?;
    let mut file = NamedTempFile::with_prefix_in(".partial-", folder).with_path("create a file in", folder)?;
    write(file.as_file_mut()).with_path("write", path)?;
    make_readable(file.as_file()).with_path("write", path)?;
    file.as_file().sync_all().with_path("write", path)?;
    file.persist(path).map_err(|error| FileError::new("write", path, error.error))?;
    sync_folder(folder)
}

/// Writes a JSON document atomically, indented, with a final newline.
pub fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), FileError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| FileError::new("write", path, error))?;
    text.push(b'\n');
    write_atomic(path, &text)
}

/// Creates a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).with_path("create", path)
}

/// Renames a finished file or folder into its place and makes the rename durable.
pub fn publish(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).with_path("rename into place", to)?;
    sync_folder(parent_of(to))
}

/// Removes a file or a folder tree; nothing there is fine. Does not follow links.
pub fn remove_all(path: &Path) -> Result<(), FileError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::new("remove", path, error)),
        _ => Ok(()),
    }
}

/// SHA-256 of a file in lower-case hexadecimal, read in pieces.
pub fn sha256_file(path: &Path) -> Result<String, FileError> {
    let mut file = File::open(path).with_path("read", path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).with_path("read", path)?;
        if count == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

/// SHA-256 of bytes in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).with_path("write", folder)
}

/// Temporary files are private to their owner; what is published is readable like any other file.
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_write_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_json(&path, &1).unwrap();
        let failed = write_atomic_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("a.json") && message.contains("free some space"), "{message}");
        assert_eq!(read_json::<i32>(&path).unwrap(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file stays");
    }

    #[test]
    fn a_full_disk_is_reported_by_name() {
        let error = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .and_then(|mut file| file.write_all(b"x"))
            .with_path("write", Path::new("/dev/full"))
            .unwrap_err();
        assert!(error.to_string().contains("free some space"), "{error}");
    }

    #[test]
    fn absent_folders_fifos_and_large_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_text(&folder.path().join("absent")).unwrap_err().is_not_found());
        assert!(matches!(read_text(folder.path()).unwrap_err().cause, FileErrorCause::NotAFile));
        let path = folder.path().join("large");
        fs::write(&path, "12345").unwrap();
        assert!(matches!(read_bounded(&path, 4).unwrap_err().cause, FileErrorCause::TooLarge { .. }));
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
    }

    #[test]
    fn removing_a_link_keeps_what_it_points_to() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("link")).unwrap();
        remove_all(&folder.path().join("link")).unwrap();
        assert!(target.is_dir());
        remove_all(&folder.path().join("never there")).unwrap();
    }

    #[test]
    fn hashes_of_files_and_bytes_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        assert_eq!(sha256_file(&path).unwrap(), sha256(b"abc"));
        assert!(sha256(b"abc").starts_with("ba7816bf"));
    }
}
