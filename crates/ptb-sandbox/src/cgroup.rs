//! Control groups: limits and counts for all processes of a sandbox together, where this user may use them.
//!
//! Version 1 has a tree for each controller, version 2 one tree. In both, the sandbox gets a group below the one this
//! process is in, or below an ancestor of it. Whatever is not permitted is simply not used: the caller learns which limits
//! are in force and takes other means.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat};
use rustix::process::{Pid, Signal, kill_process};

use crate::spec::Limits;

/// How often the removal of a group is tried; the kernel may still be busy with its last process.
const REMOVALS: u32 = 50;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The control groups of one sandbox, removed with this value.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    folders: Vec<PathBuf>,
    peak: Option<PathBuf>,
    events: Option<PathBuf>,
    /// Whether the memory limit is in force.
    pub(crate) limits_memory: bool,
    /// Whether the process limit is in force.
    pub(crate) limits_processes: bool,
}

impl Groups {
    /// Makes what groups this user may make, with the limits in force.
    pub(crate) fn new(limits: Limits) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::below(&Trees::parse(&mounts, &membership), limits)
    }

    fn below(trees: &Trees, limits: Limits) -> Self {
        let mut groups = Self::default();
        if let Some(memory) = &trees.memory {
            groups.add_memory_v1(memory, limits);
        }
        if let Some(processes) = &trees.processes {
            groups.add_processes_v1(processes, limits);
        }
        if let (Some(unified), None) = (&trees.unified, &trees.memory) {
            groups.add_unified(unified, limits);
        }
        groups
    }

    fn add_memory_v1(&mut self, tree: &Tree, limits: Limits) {
        let Some(folder) = tree.places().find_map(|place| make_in(&place)) else { return };
        self.limits_memory = limits.memory_bytes.is_some_and(|bytes| {
            let limited = write(&folder, "memory.limit_in_bytes", bytes);
            // Absent where the kernel does not account for swap.
            let _ = write(&folder, "memory.memsw.limit_in_bytes", bytes);
            limited.is_ok()
        });
        self.peak = Some(folder.join("memory.max_usage_in_bytes"));
        self.events = Some(folder.join("memory.oom_control"));
        self.folders.push(folder);
    }

    fn add_processes_v1(&mut self, tree: &Tree, limits: Limits) {
        let Some(count) = limits.processes else { return };
        let Some(folder) = tree.places().find_map(|place| make_in(&place)) else { return };
        self.limits_processes = write(&folder, "pids.max", count.into()).is_ok();
        self.folders.push(folder);
    }

    fn add_unified(&mut self, tree: &Tree, limits: Limits) {
        let Some(folder) = tree.places().find_map(|place| make_unified(&place)) else { return };
        self.limits_memory = limits.memory_bytes.is_some_and(|bytes| {
            let limited = write(&folder, "memory.max", bytes);
            let _ = write(&folder, "memory.swap.max", 0);
            limited.is_ok()
        });
        self.limits_processes = limits.processes.is_some_and(|count| write(&folder, "pids.max", count.into()).is_ok());
        self.peak = Some(folder.join("memory.peak"));
        self.events = Some(folder.join("memory.events"));
        self.folders.push(folder);
    }

    /// Open files through which a process enters the groups, whatever rights it has by then.
    pub(crate) fn entrances(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |folder: &PathBuf| {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            rustix::fs::open(folder.join("cgroup.procs"), flags, Mode::empty()).map_err(io::Error::from)
        };
        self.folders.iter().map(open).collect()
    }

    /// The most memory in use at a time, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        fs::read_to_string(self.peak.as_ref()?).ok()?.trim().parse().ok()
    }

    /// How many processes the kernel killed because of the memory limit.
    pub(crate) fn memory_kills(&self) -> u64 {
        let events = self.events.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    /// Kills every process in the groups, until none is left or `tries` rounds are over.
    pub(crate) fn kill_all(&self, tries: u32) {
        for _ in 0..tries {
            let members: Vec<Pid> = self.folders.iter().flat_map(|folder| members(folder)).collect();
            if members.is_empty() {
                return;
            }
            for pid in members {
                let _ = kill_process(pid, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for folder in &self.folders {
            for _ in 0..REMOVALS {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        thread::sleep(Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}

fn members(folder: &Path) -> Vec<Pid> {
    let list = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    list.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect()
}

fn write(folder: &Path, file: &str, value: u64) -> io::Result<()> {
    fs::write(folder.join(file), value.to_string())
}

/// Makes a new group in a folder, after removing those that killed processes left behind.
fn make_in(place: &Path) -> Option<PathBuf> {
    remove_stale(place);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = place.join(format!("ptb-{}-{number}", std::process::id()));
    fs::create_dir(&folder).ok()?;
    Some(folder)
}

/// Version 2 lets a process change groups only if its user may write to their common ancestor, which is the place.
fn make_unified(place: &Path) -> Option<PathBuf> {
    accessat(CWD, place.join("cgroup.procs"), Access::WRITE_OK, AtFlags::EACCESS).ok()?;
    let folder = make_in(place)?;
    if folder.join("memory.max").exists() && folder.join("pids.max").exists() {
        return Some(folder);
    }
    let _ = fs::remove_dir(folder);
    None
}

fn remove_stale(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("ptb-")?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // A group with processes refuses.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Where the trees of control groups are mounted, and where in them this process is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trees {
    memory: Option<Tree>,
    processes: Option<Tree>,
    unified: Option<Tree>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tree {
    mount: PathBuf,
    own: PathBuf,
}

impl Tree {
    /// Places for a new group: this process's own group, then its ancestors.
    fn places(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.own.ancestors().map(|group| self.mount.join(group)).filter(|place| place.is_dir())
    }
}

impl Trees {
    /// Reads the formats of `/proc/self/mounts` and `/proc/self/cgroup`.
    fn parse(mounts: &str, membership: &str) -> Self {
        let mut trees = Self::default();
        for line in mounts.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, mount, kind, options, ..] = fields.as_slice() else { continue };
            let has = |controller: &str| options.split(',').any(|option| option == controller);
            let tree = |own: Option<PathBuf>| own.map(|own| Tree { mount: PathBuf::from(mount), own });
            match *kind {
                "cgroup" if has("memory") => trees.memory = tree(own_group(membership, "memory")),
                "cgroup" if has("pids") => trees.processes = tree(own_group(membership, "pids")),
                "cgroup2" => trees.unified = tree(own_group(membership, "")),
                _ => {}
            }
        }
        trees
    }
}

/// The group of this process in the tree of a controller, relative to the tree's top.
fn own_group(membership: &str, controller: &str) -> Option<PathBuf> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let listed = fields.next()?.split(',').any(|name| name == controller);
        let path = fields.next()?;
        listed.then(|| PathBuf::from(path.trim_start_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        let mounts = "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
            cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let trees = Trees::parse(mounts, "8:pids:/\n4:memory:/a/b\n0::/\n");
        let tree = |mount: &str, own: &str| Some(Tree { mount: mount.into(), own: own.into() });
        assert_eq!(trees.memory, tree("/sys/fs/cgroup/memory", "a/b"));
        assert_eq!(trees.processes, tree("/sys/fs/cgroup/pids", ""));
        assert_eq!(trees.unified, tree("/sys/fs/cgroup/unified", ""));
    }

    #[test]
    fn an_ordinary_user_without_a_delegated_group_gets_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("user.slice/session")).expect("groups");
        let unified = Tree { mount: folder.path().into(), own: "user.slice/session".into() };
        let trees = Trees { unified: Some(unified), ..Trees::default() };
        let limits = Limits { memory_bytes: Some(1), processes: Some(1), ..Limits::default() };
        let groups = Groups::below(&trees, limits);
        assert!(groups.folders.is_empty() && !groups.limits_memory && !groups.limits_processes);
    }

    #[test]
    fn a_place_without_controllers_is_passed_over_and_left_clean() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("cgroup.procs"), "").expect("a file");
        assert_eq!(make_unified(folder.path()), None);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn groups_of_dead_processes_are_removed_and_others_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (dead, alive) = (folder.path().join("ptb-4194999-0"), folder.path().join("ptb-1-0"));
        fs::create_dir(&dead).expect("a group");
        fs::create_dir(&alive).expect("a group");
        remove_stale(folder.path());
        assert!(!dead.exists() && alive.exists());
    }
}
