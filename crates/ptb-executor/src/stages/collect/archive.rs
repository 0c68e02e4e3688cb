//! The archive of the workspace, without weights.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use ptb_core::files::{self, FileError};
use rustix::fs::OFlags;
use tar::{Builder, EntryType, Header, HeaderMode};
use walkdir::DirEntry;

use super::{Collection, LeftOut};

/// Endings of files that hold weights; they are large, and the submission has what counts.
const WEIGHTS: [&str; 7] = ["safetensors", "bin", "pt", "pth", "ckpt", "gguf", "npz"];

/// Largest archived file, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Most bytes that are archived, before compression.
const MAX_TOTAL: u64 = 2 << 30;

/// Most files that `collection.json` lists as not archived.
const MAX_LISTED: usize = 1_000;

const COMPRESSION_LEVEL: i32 = 3;

/// Writes `workspace.tar.zst`. Links are stored as links, never followed.
pub fn write(workspace: &Path, archive: &Path, collection: &mut Collection) -> Result<(), FileError> {
    files::write_atomic_with(archive, |file| {
        let mut tar = Builder::new(zstd::Encoder::new(file, COMPRESSION_LEVEL)?);
        tar.mode(HeaderMode::Deterministic);
        let mut total = 0;
        let entries = walkdir::WalkDir::new(workspace).follow_links(false).min_depth(1).sort_by_file_name();
        for entry in entries.into_iter().flatten() {
            if let Some(reason) = add(&mut tar, workspace, &entry, &mut total)? {
                list(collection, workspace, &entry, reason);
            }
        }
        tar.into_inner()?.finish()?.flush()
    })
}

fn list(collection: &mut Collection, workspace: &Path, entry: &DirEntry, reason: &str) {
    if collection.not_archived.len() >= MAX_LISTED {
        collection.not_archived_unlisted += 1;
        return;
    }
    let path = entry.path().strip_prefix(workspace).unwrap_or(entry.path()).to_string_lossy().into_owned();
    collection.not_archived.push(LeftOut { path, reason: reason.to_owned() });
}

/// Adds one entry, or says why not.
fn add(
    tar: &mut Builder<impl Write>,
    workspace: &Path,
    entry: &DirEntry,
    total: &mut u64,
) -> io::Result<Option<&'static str>> {
    let name = entry.path().strip_prefix(workspace).unwrap_or(entry.path());
    let kind = entry.file_type();
    if kind.is_symlink() {
        return add_link(tar, name, entry.path());
    }
    if kind.is_dir() {
        return Ok(None);
    }
    if !kind.is_file() {
        return Ok(Some("neither a plain file nor a folder"));
    }
    if name.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| WEIGHTS.contains(&ending)) {
        return Ok(Some("weights"));
    }
    let Ok(file) = open(entry.path()) else { return Ok(Some("cannot be read")) };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE || *total + metadata.len() > MAX_TOTAL {
        return Ok(Some("larger than what is archived"));
    }
    *total += metadata.len();
    add_file(tar, name, file, &metadata)?;
    Ok(None)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?))
}

fn add_file(tar: &mut Builder<impl Write>, name: &Path, file: File, metadata: &fs::Metadata) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(metadata, HeaderMode::Deterministic);
    header.set_size(metadata.len());
    header.set_cksum();
    // Exactly the announced size, should the file change meanwhile: anything else would break the archive.
    let content = io::Read::take(io::Read::chain(file, io::repeat(0)), metadata.len());
    tar.append_data(&mut header, name, content)
}

fn add_link(tar: &mut Builder<impl Write>, name: &Path, path: &Path) -> io::Result<Option<&'static str>> {
    let Ok(target) = fs::read_link(path) else { return Ok(Some("cannot be read")) };
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Symlink);
    header.set_mode(0o777);
    header.set_size(0);
    tar.append_link(&mut header, name, target)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_archive_has_texts_and_links_but_no_weights() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().join("workspace");
        fs::create_dir_all(workspace.join("data")).unwrap();
        fs::write(workspace.join("data/train.jsonl"), "x".repeat(1000)).unwrap();
        fs::write(workspace.join("model.safetensors"), "w").unwrap();
        symlink("/etc/passwd", workspace.join("passwd")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, workspace.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
        let path = folder.path().join("workspace.tar.zst");
        let mut collection = Collection::default();
        write(&workspace, &path, &mut collection).unwrap();

        let mut archive = tar::Archive::new(zstd::Decoder::new(File::open(&path).unwrap()).unwrap());
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), entry.header().entry_type())
        });
        let entries: Vec<_> = entries.collect();
        assert_eq!(
            entries,
            [("data/train.jsonl".to_owned(), EntryType::Regular), ("passwd".to_owned(), EntryType::Symlink)]
        );
        let left_out: Vec<_> = collection.not_archived.iter().map(|left_out| left_out.path.as_str()).collect();
        assert_eq!(left_out, ["model.safetensors", "pipe"]);
    }
}
