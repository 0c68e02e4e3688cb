//! Which user of the host the program is.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use crate::error::SandboxError;

/// The user and group inside.
pub(crate) const INSIDE: u32 = 1000;

/// The user and group of the host that the program is when root starts it. High, so that nobody else is it, and outside
/// of the ranges that distributions hand out.
const DEDICATED: u32 = 1_990_000_000;

/// What such a user is where the host is itself a container with few users.
const NOBODY: u32 = 65534;

/// Which user of the host the program is. It is never root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutsideUser {
    /// The one who starts the sandbox.
    Own { uid: u32, gid: u32 },
    /// A user without any rights, because root starts the sandbox.
    Dropped { id: u32 },
}

impl OutsideUser {
    /// The user that this process can give to a sandbox.
    pub(crate) fn of_this_process() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let dropped = [DEDICATED, NOBODY].into_iter().find(|id| maps(&map, *id));
        match dropped {
            Some(id) if uid == 0 => Self::Dropped { id },
            // Root of a namespace without further users is an ordinary user outside.
            _ => Self::Own { uid, gid },
        }
    }

    /// The user's number on the host.
    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Own { uid, .. } => uid,
            Self::Dropped { id } => id,
        }
    }

    /// The owner to give to what the program may write; none where it belongs to the right one by itself.
    pub(crate) fn new_owner(self) -> Option<u32> {
        match self {
            Self::Own { .. } => None,
            Self::Dropped { id } => Some(id),
        }
    }
}

/// Whether a uid map, in the kernel's format of inside, outside and count, covers a user.
fn maps(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().ok());
        match (numbers.next().flatten(), numbers.nth(1).flatten()) {
            (Some(first), Some(count)) => (first..first.saturating_add(count)).contains(&u64::from(id)),
            _ => false,
        }
    })
}

/// Gives a tree to a user, without following symbolic links. Files with several hard links keep their owner, since they
/// may be somebody else's too.
pub(crate) fn give(tree: &Path, id: u32) -> Result<(), SandboxError> {
    let mut waiting = vec![tree.to_owned()];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path).map_err(SandboxError::host("read", &path))?;
        if found.is_dir() {
            waiting.extend(entries(&path).map_err(SandboxError::host("list", &path))?);
        }
        let shared = !found.is_dir() && found.nlink() > 1;
        if !shared && (found.uid(), found.gid()) != (id, id) {
            lchown(&path, Some(id), Some(id)).map_err(SandboxError::host("give away", &path))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_covers_the_dedicated_user_and_a_container_s_does_not() {
        assert!(maps("         0          0 4294967295\n", DEDICATED));
        assert!(!maps("0 100000 65536\n", DEDICATED));
        assert!(maps("0 100000 65536\n", NOBODY));
        assert!(!maps("0 1000 1\n", NOBODY));
        assert!(!maps("", NOBODY));
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "says why nothing was tested")]
    fn giving_a_tree_skips_link_targets_and_shared_files() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (tree, outside) = (folder.path().join("tree"), folder.path().join("outside"));
        fs::create_dir_all(tree.join("deep")).expect("folders");
        fs::write(&outside, "").expect("a file");
        fs::write(tree.join("deep/own"), "").expect("a file");
        fs::hard_link(&outside, tree.join("shared")).expect("a hard link");
        std::os::unix::fs::symlink(&outside, tree.join("link")).expect("a link");
        give(&tree, NOBODY).expect("given");
        let owner = |path: &Path| fs::symlink_metadata(path).expect("metadata").uid();
        assert_eq!(owner(&tree.join("deep/own")), NOBODY);
        assert_eq!(owner(&tree.join("deep")), NOBODY);
        assert_eq!(owner(&tree.join("link")), NOBODY);
        assert_eq!(owner(&outside), 0);
    }
}
