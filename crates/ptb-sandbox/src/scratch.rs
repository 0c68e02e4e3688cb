//! The private layers of overlays, on the host.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::SandboxError;
use crate::spec::{Isolation, MountKind, SandboxSpec};
use crate::user::{self, OutsideUser};

/// Most folders that are made ahead in a private layer.
const MAX_FOLDERS: usize = 100_000;

/// The folder with both layers of one mount, by its place among the mounts.
pub(crate) fn layers(scratch: &Path, index: usize) -> PathBuf {
    scratch.join(format!("overlay-{index}"))
}

/// Makes the private layers of all overlays.
pub(crate) fn prepare(spec: &SandboxSpec, user: OutsideUser) -> Result<(), SandboxError> {
    if spec.isolation == Isolation::None {
        return Ok(());
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        match (mount.kind, user.new_owner()) {
            (MountKind::Overlay, _) => prepare_overlay(&mount.source, &layers(&spec.scratch, index), user)?,
            (MountKind::Writable, Some(id)) => user::give(&mount.source, id)?,
            _ => {}
        }
    }
    Ok(())
}

fn prepare_overlay(lower: &Path, layers: &Path, user: OutsideUser) -> Result<(), SandboxError> {
    remove(layers)?;
    for folder in [layers.to_owned(), layers.join("upper"), layers.join("work")] {
        make(&folder)?;
    }
    mirror_folders(lower, &layers.join("upper"), user.uid())?;
    match user.new_owner() {
        Some(id) => user::give(layers, id),
        None => Ok(()),
    }
}

/// In a folder of another user the program could not make files; so such folders are made in the private layer, where
/// they belong to the program. The kernel merges equal names.
fn mirror_folders(lower: &Path, upper: &Path, uid: u32) -> Result<(), SandboxError> {
    let mut waiting = vec![(lower.to_owned(), upper.to_owned())];
    let mut count = 0;
    while let Some((source, copy)) = waiting.pop() {
        if count == MAX_FOLDERS {
            let error = io::Error::other(format!("more than {MAX_FOLDERS} folders; mount it read-only instead"));
            return Err(SandboxError::host("mirror the folders of", lower)(error));
        }
        count += 1;
        for entry in fs::read_dir(&source).map_err(SandboxError::host("list", &source))? {
            let entry = entry.map_err(SandboxError::host("list", &source))?;
            let found = entry.metadata().map_err(SandboxError::host("read", &entry.path()))?;
            if found.is_dir() && found.uid() != uid {
                let folder = copy.join(entry.file_name());
                make(&folder)?;
                waiting.push((entry.path(), folder));
            }
        }
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), SandboxError> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(SandboxError::host("create", folder))
}

/// Removes the private layers of all overlays. What they hold is no result of a run.
pub(crate) fn clean(spec: &SandboxSpec) -> Result<(), SandboxError> {
    if spec.isolation == Isolation::None {
        return Ok(());
    }
    (0..spec.mounts.len()).try_for_each(|index| remove(&layers(&spec.scratch, index)))
}

/// The kernel leaves a folder in the work layer that its owner may not list.
fn remove(layers: &Path) -> Result<(), SandboxError> {
    let blocked = layers.join("work/work");
    if blocked.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        fs::set_permissions(&blocked, fs::Permissions::from_mode(0o700))
            .map_err(SandboxError::host("open up", &blocked))?;
    }
    match fs::remove_dir_all(layers) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SandboxError::host("remove", layers)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_others_are_mirrored_and_files_and_links_are_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (lower, upper) = (folder.path().join("lower"), folder.path().join("upper"));
        fs::create_dir_all(lower.join("a/b")).expect("folders");
        fs::create_dir_all(&upper).expect("a folder");
        fs::write(lower.join("a/file"), "").expect("a file");
        std::os::unix::fs::symlink("/", lower.join("link")).expect("a link");
        let stranger = rustix::process::geteuid().as_raw() + 1;
        mirror_folders(&lower, &upper, stranger).expect("mirrored");
        assert!(upper.join("a/b").is_dir());
        assert!(!upper.join("a/file").exists());
        assert!(upper.join("link").symlink_metadata().is_err());
    }

    #[test]
    fn layers_with_a_locked_folder_are_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let layers = folder.path().join("overlay-0");
        fs::create_dir_all(layers.join("work/work")).expect("folders");
        fs::set_permissions(layers.join("work/work"), fs::Permissions::from_mode(0o000)).expect("locked");
        remove(&layers).expect("removed");
        assert!(!layers.exists());
    }
}
