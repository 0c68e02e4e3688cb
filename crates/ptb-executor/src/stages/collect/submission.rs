//! The checked copy of `final_model`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ptb_core::files::{FileError, IoContext};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::{CollectedFile, Collection, LeftOut};

/// The folder that agents leave their model in.
const FINAL_MODEL: &str = "final_model";

/// More files than any checkpoint has.
const MAX_FILES: usize = 10_000;

/// Deeper than any checkpoint is.
const MAX_DEPTH: usize = 8;

/// Copies `final_model` to `target`. What cannot be taken is refused with a reason; that is the agent's problem and no
/// error.
pub fn copy(workspace: &Path, target: &Path, most_bytes: u64) -> Result<Collection, FileError> {
    let root = openat(CWD, workspace, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
        .map_err(io::Error::from)
        .with_path("open", workspace)?;
    let mut copier = Copier {
        root,
        target,
        bytes_left: most_bytes,
        hard_links: hard_links(workspace),
        entered: Vec::new(),
        collection: Collection::default(),
    };
    if fs::symlink_metadata(workspace.join(FINAL_MODEL)).is_ok() {
        copier.entry(Path::new(FINAL_MODEL), 0)?;
    }
    Ok(copier.collection)
}

/// For each file with several names, how many of them lie inside the workspace.
fn hard_links(workspace: &Path) -> HashMap<(u64, u64), u64> {
    let mut names = HashMap::new();
    for entry in walkdir::WalkDir::new(workspace).follow_links(false).into_iter().flatten() {
        if let Ok(metadata) = entry.metadata()
            && metadata.is_file()
            && metadata.nlink() > 1
        {
            *names.entry((metadata.dev(), metadata.ino())).or_default() += 1;
        }
    }
    names
}

struct Copier<'a> {
    root: OwnedFd,
    target: &'a Path,
    bytes_left: u64,
    hard_links: HashMap<(u64, u64), u64>,
    /// The folders on the way to the present one, so that a link back up is not entered again.
    entered: Vec<(u64, u64)>,
    collection: Collection,
}

impl Copier<'_> {
    fn refuse(&mut self, path: &Path, reason: impl Into<String>) {
        self.collection.refused.push(LeftOut { path: path.to_string_lossy().into_owned(), reason: reason.into() });
    }

    fn entry(&mut self, path: &Path, depth: usize) -> Result<(), FileError> {
        if depth > MAX_DEPTH || self.collection.files.len() + self.collection.refused.len() >= MAX_FILES {
            self.refuse(path, format!("deeper than {MAX_DEPTH} folders or more than {MAX_FILES} files"));
            return Ok(());
        }
        // O_PATH opens nothing: a device or a pipe is recognised before anything can happen.
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let handle = match openat2(&self.root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Ok(handle) => File::from(handle),
            Err(rustix::io::Errno::XDEV) => {
                self.refuse(path, "a link that leads out of the workspace");
                return Ok(());
            }
            Err(error) => {
                self.refuse(path, format!("cannot be opened: {}", io::Error::from(error)));
                return Ok(());
            }
        };
        let metadata = handle.metadata().with_path("inspect", path)?;
        let opened = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
        if metadata.is_dir() {
            self.folder(path, &opened, (metadata.dev(), metadata.ino()), depth)
        } else if metadata.is_file() {
            self.file(path, &opened, &metadata)
        } else {
            self.refuse(path, "neither a plain file nor a folder");
            Ok(())
        }
    }

    fn folder(&mut self, path: &Path, opened: &Path, identity: (u64, u64), depth: usize) -> Result<(), FileError> {
        if self.entered.contains(&identity) {
            self.refuse(path, "a link back to a folder that it lies in");
            return Ok(());
        }
        self.entered.push(identity);
        let mut names = Vec::new();
        match fs::read_dir(opened) {
            Ok(entries) => names.extend(entries.flatten().map(|entry| entry.file_name())),
            Err(error) => self.refuse(path, format!("cannot be listed: {error}")),
        }
        names.sort();
        for name in names {
            self.entry(&path.join(name), depth + 1)?;
        }
        self.entered.pop();
        Ok(())
    }

    fn file(&mut self, path: &Path, opened: &Path, metadata: &fs::Metadata) -> Result<(), FileError> {
        let inside = self.hard_links.get(&(metadata.dev(), metadata.ino())).copied().unwrap_or(1);
        if metadata.nlink() > inside {
            self.refuse(path, "a hard link to a file outside the workspace");
            return Ok(());
        }
        if metadata.len() > self.bytes_left {
            self.refuse(path, "the submission is larger than allowed");
            return Ok(());
        }
        let Ok(source) = File::open(opened) else {
            self.refuse(path, "cannot be read");
            return Ok(());
        };
        let relative = path.strip_prefix(FINAL_MODEL).unwrap_or(path);
        let Some(name) = relative.to_str().filter(|name| !name.is_empty()) else {
            self.refuse(path, "its name is not UTF-8, or final_model is no folder");
            return Ok(());
        };
        let bytes = copy_file(source, &self.target.join(relative), self.bytes_left)?;
        self.bytes_left -= bytes;
        self.collection.files.push(CollectedFile { path: name.to_owned(), bytes });
        Ok(())
    }
}

/// Copies at most `most` bytes, so that a file that grows while it is copied cannot fill the disk.
fn copy_file(source: File, target: &Path, most: u64) -> Result<u64, FileError> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).with_path("create", parent)?;
    }
    let mut copy = File::create(target).with_path("create", target)?;
    let bytes = io::copy(&mut source.take(most), &mut copy).with_path("write", target)?;
    copy.flush().and_then(|()| copy.sync_all()).with_path("write", target)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Case {
        folder: tempfile::TempDir,
        workspace: PathBuf,
        model: PathBuf,
    }

    fn case() -> Case {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().join("workspace");
        let model = workspace.join(FINAL_MODEL);
        fs::create_dir_all(&model).unwrap();
        fs::write(model.join("config.json"), "{}").unwrap();
        Case { folder, workspace, model }
    }

    impl Case {
        fn collect(&self, most: u64) -> (Collection, PathBuf) {
            let target = self.folder.path().join("submission");
            (copy(&self.workspace, &target, most).unwrap(), target)
        }
    }

    fn reason<'a>(collection: &'a Collection, path: &str) -> &'a str {
        let refused = collection.refused.iter().find(|left_out| left_out.path == path);
        &refused.unwrap_or_else(|| panic!("{path} was not refused: {collection:?}")).reason
    }

    #[test]
    fn links_out_of_the_workspace_are_refused_and_links_inside_are_followed() {
        let case = case();
        fs::write(case.folder.path().join("secret"), "secret").unwrap();
        fs::write(case.workspace.join("weights"), "w").unwrap();
        symlink("/etc/passwd", case.model.join("passwd")).unwrap();
        symlink("/etc", case.model.join("etc")).unwrap();
        symlink("../../secret", case.model.join("up")).unwrap();
        symlink("../weights", case.model.join("model.safetensors")).unwrap();
        let (collection, target) = case.collect(1000);
        for path in ["final_model/passwd", "final_model/etc", "final_model/up"] {
            assert!(reason(&collection, path).contains("leads out"), "{collection:?}");
        }
        let names: Vec<_> = collection.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["config.json", "model.safetensors"]);
        assert!(fs::symlink_metadata(target.join("model.safetensors")).unwrap().is_file());
    }

    #[test]
    fn a_final_model_that_is_itself_a_link_is_taken_only_from_inside() {
        let case = case();
        fs::rename(&case.model, case.workspace.join("best")).unwrap();
        symlink("best", &case.model).unwrap();
        assert!(case.collect(1000).0.submitted());
        fs::remove_file(&case.model).unwrap();
        symlink("/etc", &case.model).unwrap();
        let (collection, _) = case.collect(1000);
        assert!(!collection.submitted() && reason(&collection, FINAL_MODEL).contains("leads out"));
    }

    #[test]
    fn pipes_loops_and_foreign_hard_links_are_refused_without_waiting() {
        let case = case();
        rustix::fs::mkfifoat(CWD, case.model.join("pipe"), Mode::RWXU).unwrap();
        symlink("loop", case.model.join("loop")).unwrap();
        symlink(".", case.model.join("self")).unwrap();
        fs::write(case.folder.path().join("outside"), "o").unwrap();
        fs::hard_link(case.folder.path().join("outside"), case.model.join("foreign")).unwrap();
        fs::hard_link(case.model.join("config.json"), case.workspace.join("own")).unwrap();
        let (collection, _) = case.collect(1000);
        assert!(reason(&collection, "final_model/pipe").contains("plain file"));
        assert!(reason(&collection, "final_model/foreign").contains("hard link"));
        assert!(reason(&collection, "final_model/loop").contains("cannot be opened"));
        assert!(reason(&collection, "final_model/self").contains("link back"));
        assert!(collection.files.iter().any(|file| file.path == "config.json"));
    }

    #[test]
    fn a_submission_beyond_its_limit_is_refused() {
        let case = case();
        fs::write(case.model.join("model.safetensors"), [0; 100]).unwrap();
        let (collection, _) = case.collect(50);
        assert!(reason(&collection, "final_model/model.safetensors").contains("larger"));
    }

    #[test]
    fn a_workspace_without_final_model_has_no_submission() {
        let case = case();
        fs::remove_dir_all(&case.model).unwrap();
        assert_eq!(case.collect(50).0, Collection::default());
        fs::write(&case.model, "a file").unwrap();
        assert!(!case.collect(50).0.submitted());
    }
}
