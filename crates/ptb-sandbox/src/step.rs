//! The steps from a fresh process to a closed box, prepared before the process exists.
//!
//! Between its creation and its program, a child of a process with many threads must not allocate: another thread may
//! have held the allocator's lock. So all strings are made beforehand, and the child only walks a list.

use std::ffi::{CStr, CString};
use std::fmt;

use rustix::mount::MountFlags;

/// Restrictions on a mounted tree, as bits of `mount_setattr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Restrict(pub(crate) u64);

impl Restrict {
    const READ_ONLY: u64 = 0x1;
    const NO_SETUID: u64 = 0x2;
    const NO_DEVICES: u64 = 0x4;

    /// No writing, no set-uid programs, no device files.
    pub(crate) const READING: Self = Self(Self::READ_ONLY | Self::NO_SETUID | Self::NO_DEVICES);
    /// No set-uid programs and no device files.
    pub(crate) const WRITING: Self = Self(Self::NO_SETUID | Self::NO_DEVICES);
    /// No set-uid programs.
    pub(crate) const DEVICE: Self = Self(Self::NO_SETUID);
}

/// One thing the sandbox's first process does before the program may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Keep mounts from spreading to the host.
    PrivateMounts,
    /// Take a copy of a host tree's mounts into a slot.
    Take { slot: usize, source: CString, restrict: Restrict },
    /// Make an empty folder in memory, go there, and find relative paths there from now on.
    NewRoot,
    /// Make the new folder the root folder, and lose the old one.
    EnterRoot,
    /// Make a folder unless it is there.
    Folder { path: CString, mode: u32, owner: Option<u32> },
    /// Make an empty file to mount on, unless it is there.
    MountPoint { path: CString },
    /// Write a small file.
    Text { path: CString, text: &'static [u8] },
    /// Make a symbolic link.
    Link { path: CString, target: CString },
    /// Mount what a slot holds.
    Attach { slot: usize, target: CString },
    /// Mount a new file system.
    Filesystem { kind: &'static CStr, target: CString, flags: MountFlags, options: CString },
    /// Make an existing folder or file of the new root read-only.
    Cover { path: CString },
    /// Mount an overlay of two slots, or the lower one alone where the kernel refuses.
    Overlay { lower: usize, layers: usize, target: CString, options: CString },
    /// Make the root folder itself read-only.
    SealRoot,
    /// Name the machine.
    HostName,
    /// Switch on the loopback interface.
    Loopback,
    /// Give up root for an unprivileged user.
    BecomeUser { id: u32 },
    /// Create a user namespace around this process.
    NewUserNamespace,
    /// Say which outside user is the one inside.
    MapUser { uid_map: CString, gid_map: CString },
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::PrivateMounts => formatter.write_str("keep mounts private"),
            Step::Take { source, .. } => write!(formatter, "take {} from the host", source.to_string_lossy()),
            Step::NewRoot => formatter.write_str("make an empty root folder"),
            Step::EnterRoot => formatter.write_str("change the root folder"),
            Step::Folder { path, .. } => write!(formatter, "make the folder {}", path.to_string_lossy()),
            Step::MountPoint { path } | Step::Text { path, .. } => {
                write!(formatter, "make the file {}", path.to_string_lossy())
            }
            Step::Link { path, .. } => write!(formatter, "make the link {}", path.to_string_lossy()),
            Step::Attach { target, .. } => write!(formatter, "mount {}", target.to_string_lossy()),
            Step::Filesystem { kind, target, .. } => {
                write!(formatter, "mount a new {} at {}", kind.to_string_lossy(), target.to_string_lossy())
            }
            Step::Cover { path } => write!(formatter, "make {} read-only", path.to_string_lossy()),
            Step::Overlay { target, .. } => write!(formatter, "mount an overlay at {}", target.to_string_lossy()),
            Step::SealRoot => formatter.write_str("make the root folder read-only"),
            Step::HostName => formatter.write_str("set the host name"),
            Step::Loopback => formatter.write_str("switch on the loopback interface"),
            Step::BecomeUser { id } => write!(formatter, "become user {id}"),
            Step::NewUserNamespace => formatter.write_str("create a user namespace"),
            Step::MapUser { .. } => formatter.write_str("map the user"),
        }
    }
}
