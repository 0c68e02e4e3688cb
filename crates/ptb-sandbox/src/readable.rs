//! Files in mounts that the sandbox's own user may not read, because root's rights do not reach inside.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::spec::{Isolation, MountKind, SandboxSpec};
use crate::user::OutsideUser;

/// Most files and folders that are looked at in one mount.
const MAX_ENTRIES: usize = 100_000;

/// Files of one mount that the program cannot read. A token in a cache should be among them; a model should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableFiles {
    /// Where the mount is inside.
    pub target: PathBuf,
    /// How many there are, folders counted as one.
    pub count: usize,
    /// One of them, on the host.
    pub example: PathBuf,
}

/// Looks through all mounts that keep their owner. Only when root starts the sandbox: an ordinary user is the same user
/// inside.
pub(crate) fn unreadable(spec: &SandboxSpec, user: OutsideUser) -> Vec<UnreadableFiles> {
    let OutsideUser::Dropped { id } = user else { return Vec::new() };
    if spec.isolation == Isolation::None {
        return Vec::new();
    }
    let kept = spec.mounts.iter().filter(|mount| matches!(mount.kind, MountKind::ReadOnly | MountKind::Overlay));
    kept.filter_map(|mount| {
        let found = closed_to(&mount.source, id);
        let example = found.first()?.clone();
        Some(UnreadableFiles { target: mount.target.clone(), count: found.len(), example })
    })
    .collect()
}

fn closed_to(tree: &Path, id: u32) -> Vec<PathBuf> {
    let (mut closed, mut waiting, mut seen) = (Vec::new(), vec![tree.to_owned()], 0);
    while let Some(path) = waiting.pop() {
        seen += 1;
        // The mounted path itself may be a link, links in it are left alone.
        let found = if seen == 1 { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let Ok(found) = found else { continue };
        if seen > MAX_ENTRIES || found.is_symlink() {
            continue;
        }
        if !may_read(&found, id) {
            closed.push(path);
        } else if found.is_dir() {
            waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    closed
}

/// The owner's bits count for the owner, the group's for the group, and the others' for everybody else.
fn may_read(found: &Metadata, id: u32) -> bool {
    let shift = match (found.uid() == id, found.gid() == id) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    let needed = if found.is_dir() { 0o5 } else { 0o4 };
    (found.mode() >> shift) & needed == needed
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_and_folders_closed_to_others_are_found_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let close = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
        for (name, mode) in [("model", 0o644), ("token", 0o600)] {
            fs::write(folder.path().join(name), "").expect("a file");
            close(&folder.path().join(name), mode);
        }
        fs::create_dir(folder.path().join("private")).expect("a folder");
        fs::write(folder.path().join("private/file"), "").expect("a file");
        close(&folder.path().join("private"), 0o700);
        close(folder.path(), 0o755);
        let stranger = rustix::process::geteuid().as_raw() + 1;
        let mut found = closed_to(folder.path(), stranger);
        found.sort();
        assert_eq!(found, [folder.path().join("private"), folder.path().join("token")]);
    }
}
