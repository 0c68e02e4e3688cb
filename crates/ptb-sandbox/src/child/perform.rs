//! Carrying out one step.

use std::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::{self, Errno};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change, move_mount,
    open_tree, unmount,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::{DumpableBehavior, pivot_root, set_dumpable_behavior};
use rustix::thread::{UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::kernel;
use crate::step::{Restrict, Step};

/// Folders in the new root where the parts of an overlay lie while it is mounted.
const LOWER: &CStr = c"/.layers/lower";
const LAYERS: &CStr = c"/.layers/private";

/// How a step went.
pub(super) enum Done {
    Fully,
    /// The overlay was refused for this reason, and the mount is read-only.
    WithoutOverlay(Errno),
}

/// Carries out one step. Mounted trees wait in `slots` between the step that takes and the one that attaches them.
pub(super) fn perform(step: &Step, slots: &mut [Option<OwnedFd>]) -> io::Result<Done> {
    match step {
        Step::PrivateMounts => mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?,
        Step::Take { slot, source, restrict } => {
            *slots.get_mut(*slot).ok_or(Errno::INVAL)? = Some(take(source, *restrict)?);
        }
        Step::NewRoot => new_root()?,
        Step::EnterRoot => enter_root()?,
        Step::Folder { path, mode, owner } => folder(path, *mode, *owner)?,
        Step::MountPoint { path } => drop(create(path)?),
        Step::Text { path, text } => write_all(&create(path)?, text)?,
        Step::Link { path, target } => fs::symlink(target.as_c_str(), path.as_c_str())?,
        Step::Attach { slot, target } => attach(taken(slots, *slot)?, target)?,
        Step::Filesystem { kind, target, flags, options } => {
            mount(*kind, target.as_c_str(), *kind, *flags, options.as_c_str())?;
        }
        Step::Cover { path } => cover(path)?,
        Step::Overlay { lower, layers, target, options } => {
            return overlay(taken(slots, *lower)?, taken(slots, *layers)?, target, options);
        }
        Step::SealRoot => kernel::restrict_mount_at(c"/", Restrict::READING.0)?,
        Step::HostName => rustix::system::sethostname(b"sandbox")?,
        Step::Loopback => loopback()?,
        Step::BecomeUser { id } => become_user(*id)?,
        // SAFETY: a user namespace changes nothing that other code of this single-threaded process relies on.
        Step::NewUserNamespace => unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER)? },
        Step::MapUser { uid_map, gid_map } => map_user(uid_map, gid_map)?,
    }
    Ok(Done::Fully)
}

fn taken(slots: &[Option<OwnedFd>], slot: usize) -> io::Result<BorrowedFd<'_>> {
    slots.get(slot).and_then(|tree| tree.as_ref()).map(AsFd::as_fd).ok_or(Errno::BADF)
}

fn take(source: &CStr, restrict: Restrict) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, source, flags)?;
    kernel::restrict_mounts(tree.as_fd(), restrict.0)?;
    Ok(tree)
}

fn attach(tree: BorrowedFd<'_>, target: &CStr) -> io::Result<()> {
    move_mount(tree, c"", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn new_root() -> io::Result<()> {
    mount(c"tmpfs", c"/tmp", c"tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755,size=16m")?;
    rustix::process::chdir(c"/tmp")
}

/// Only what was taken before remains reachable: the old root is gone with its last name.
fn enter_root() -> io::Result<()> {
    pivot_root(c".", c".")?;
    unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")
}

fn folder(path: &CStr, mode: u32, owner: Option<u32>) -> io::Result<()> {
    match fs::mkdir(path, Mode::from_raw_mode(mode)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        // Some file systems answer so for a folder that exists on a read-only mount.
        Err(Errno::ROFS) if is_folder(path) => return Ok(()),
        Err(error) => return Err(error),
    }
    match owner {
        Some(id) => fs::chown(path, Some(Uid::from_raw(id)), Some(Gid::from_raw(id))),
        None => Ok(()),
    }
}

fn is_folder(path: &CStr) -> bool {
    fs::stat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

fn create(path: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match fs::open(path, flags, Mode::from_raw_mode(0o644)) {
        // An existing file may be read-only, and is good enough to mount on.
        Err(Errno::ROFS | Errno::ACCESS) => fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()),
        result => result,
    }
}

fn write_all(file: &OwnedFd, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        let written = io::retry_on_intr(|| io::write(file, text))?;
        text = text.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// A part that this kernel does not have needs no cover.
fn cover(path: &CStr) -> io::Result<()> {
    match take(path, Restrict::READING) {
        Ok(tree) => attach(tree.as_fd(), path),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The layers are reached through fixed names, so that no host path needs quoting in the options or shows inside.
fn overlay(lower: BorrowedFd<'_>, layers: BorrowedFd<'_>, target: &CStr, options: &CStr) -> io::Result<Done> {
    for path in [c"/.layers", LOWER, LAYERS] {
        folder(path, 0o700, None)?;
    }
    attach(lower, LOWER)?;
    attach(layers, LAYERS)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    let done = match mount(c"overlay", target, c"overlay", flags, options) {
        Ok(()) => Done::Fully,
        Err(error) => {
            rustix::mount::mount_move(LOWER, target)?;
            Done::WithoutOverlay(error)
        }
    };
    if matches!(done, Done::Fully) {
        unmount(LOWER, UnmountFlags::DETACH)?;
    }
    unmount(LAYERS, UnmountFlags::DETACH)?;
    for path in [LAYERS, LOWER, c"/.layers"] {
        fs::unlinkat(CWD, path, AtFlags::REMOVEDIR)?;
    }
    Ok(done)
}

fn loopback() -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    kernel::loopback_up(socket.as_fd())
}

fn become_user(id: u32) -> io::Result<()> {
    set_thread_groups(&[])?;
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// A process may map its own user alone, once it has given up changing its groups.
fn map_user(uid_map: &CStr, gid_map: &CStr) -> io::Result<()> {
    // A change of user made this process's own files in /proc belong to root.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    write_file(c"/proc/self/setgroups", b"deny")?;
    write_file(c"/proc/self/uid_map", uid_map.to_bytes())?;
    write_file(c"/proc/self/gid_map", gid_map.to_bytes())
}

fn write_file(path: &CStr, text: &[u8]) -> io::Result<()> {
    let file = fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    io::retry_on_intr(|| io::write(&file, text)).map(drop)
}
