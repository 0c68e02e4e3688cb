//! Walking a hostile folder: nothing outside it is opened, and nothing that could block.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use walkdir::WalkDir;

use crate::policy::Limits;

/// A plain file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path relative to the folder, with `/`.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: PathBuf,
}

/// Something that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Path relative to the folder that was walked.
    pub name: String,
    /// Why it was not read.
    pub reason: String,
}

/// The plain files below a folder, and what else is there.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Lists a folder without following links. What is missing or unreadable is noted, never an error: the folder is the
/// agent's.
pub(crate) fn list(folder: &Path, limits: &Limits) -> Listing {
    let mut listing = Listing::default();
    let walk = WalkDir::new(folder).follow_links(false).follow_root_links(false).max_depth(limits.depth);
    for entry in walk.sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                if entry.depth() == limits.depth {
                    listing.skip(folder, entry.path(), "the folder is nested too deep");
                }
            }
            Ok(entry) if !entry.file_type().is_file() => {
                listing.skip(folder, entry.path(), kind_of(entry.file_type()));
            }
            Ok(_) if listing.entries.len() >= limits.files => {
                listing.skip(folder, folder, &format!("there are more than {} files", limits.files));
                break;
            }
            Ok(entry) => listing.entries.push(Entry { name: relative(folder, entry.path()), path: entry.into_path() }),
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                listing.skip(folder, &path, &error.to_string());
            }
        }
    }
    listing
}

impl Listing {
    fn skip(&mut self, folder: &Path, path: &Path, reason: &str) {
        self.skipped.push(Skipped { name: relative(folder, path), reason: reason.to_owned() });
    }
}

fn kind_of(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_symlink() {
        "it is a symbolic link, which is never followed"
    } else if kind.is_fifo() {
        "it is a pipe"
    } else if kind.is_socket() {
        "it is a socket"
    } else {
        "it is a device"
    }
}

fn relative(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    if below.as_os_str().is_empty() { ".".to_owned() } else { below.to_string_lossy().into_owned() }
}

/// Opens a plain file for reading; refuses links, and neither waits for a pipe nor touches a device.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"))
    }
}

/// Reads at most `limit` bytes of a plain file.
pub(crate) fn read_start(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open_plain(path)?.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether the start of a file looks like text. Binary formats have zero bytes or are mostly control characters and
/// bytes that are no UTF-8.
pub(crate) fn looks_like_text(start: &[u8]) -> bool {
    if start.contains(&0) {
        return false;
    }
    let control = start.iter().filter(|byte| **byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x0c | 0x1b));
    let odd = control.count() + String::from_utf8_lossy(start).matches('\u{fffd}').count();
    odd * 5 <= start.len()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_pipes_and_loops_are_named_and_not_followed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        fs::create_dir(root.join("a"))?;
        fs::write(root.join("a/data.txt"), "text")?;
        symlink(root, root.join("a/loop"))?;
        symlink("/etc/passwd", root.join("notes.txt"))?;
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0)?;
        let listing = list(root, &Limits::default());
        assert_eq!(listing.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a/data.txt"]);
        assert_eq!(listing.skipped.len(), 3);
        assert!(open_plain(&root.join("notes.txt")).is_err());
        assert!(open_plain(&root.join("pipe")).is_err());
        Ok(())
    }

    #[test]
    fn a_missing_folder_is_noted() {
        let listing = list(Path::new("/nonexistent/folder"), &Limits::default());
        assert!(listing.entries.is_empty());
        assert_eq!(listing.skipped.len(), 1);
    }

    #[test]
    fn deep_and_full_folders_are_bounded() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let deep = folder.path().join("d/".repeat(30));
        fs::create_dir_all(&deep)?;
        fs::write(deep.join("x"), "x")?;
        let limits = Limits { depth: 10, ..Limits::default() };
        assert!(list(folder.path(), &limits).entries.is_empty());
        assert!(!list(folder.path(), &limits).skipped.is_empty());
        for n in 0..5 {
            fs::write(folder.path().join(format!("{n}.txt")), "x")?;
        }
        let limits = Limits { files: 3, ..Limits::default() };
        assert_eq!(list(folder.path(), &limits).entries.len(), 3);
        Ok(())
    }

    #[test]
    fn junk_is_told_from_text_by_content() {
        assert!(looks_like_text("Grüße, 世界\n".as_bytes()));
        assert!(looks_like_text(b""));
        assert!(looks_like_text(b"mostly text with one bad \xff byte"));
        assert!(!looks_like_text(b"PK\x03\x04\x00\x00"));
        assert!(!looks_like_text(&[0x93, 0xfa, 0xc8, 0x81, 0x01, 0x02].repeat(50)));
    }
}
