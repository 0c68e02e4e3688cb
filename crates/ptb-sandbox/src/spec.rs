//! What a sandbox is asked to be.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time between the polite and the forced end, unless the run says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// Home folder of the program inside the sandbox.
pub const DEFAULT_HOME: &str = "/home/agent";

/// A program and the box it runs in.
///
/// Paths of `program`, `cwd`, `home` and of mount targets are paths inside the sandbox. With [`Isolation::None`] there is
/// no inside: they are paths of the host then, and `mounts`, `home` and `network` have no effect.
#[derive(Debug, Clone)]
pub struct SandboxSpec {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub args: Vec<OsString>,
    /// Its whole environment: nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// What it reads from its standard input.
    pub input: Input,
    /// Host folders and files that are visible inside, mounted in this order.
    pub mounts: Vec<Mount>,
    /// Host folder for the private layers of [`MountKind::Overlay`]. It must be on a local disk and belongs to the run.
    pub scratch: PathBuf,
    /// Private home folder, kept in memory and gone afterwards.
    pub home: PathBuf,
    /// What of the network is reachable.
    pub network: Network,
    /// Memory, processes and file size.
    pub limits: Limits,
    /// When everything is asked to end, counted from the program's start. `None` is never.
    pub deadline: Option<Duration>,
    /// Time between the request to end and the forced end.
    pub grace: Duration,
    /// How the program is kept apart from the host.
    pub isolation: Isolation,
}

impl SandboxSpec {
    /// A sandbox without mounts, limits, deadline and network for `program`, with `scratch` as its own host folder.
    pub fn new(program: impl Into<PathBuf>, scratch: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: PathBuf::from("/"),
            input: Input::Nothing,
            mounts: Vec::new(),
            scratch: scratch.into(),
            home: PathBuf::from(DEFAULT_HOME),
            network: Network::None,
            limits: Limits::default(),
            deadline: None,
            grace: DEFAULT_GRACE,
            isolation: Isolation::Namespaces,
        }
    }
}

/// What the program reads from its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Nothing: the input ends at once.
    Nothing,
    /// What the caller writes to [`crate::Running::take_input`].
    Pipe,
}

/// One host folder or file that is visible inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is on the host; a symbolic link is followed.
    pub source: PathBuf,
    /// Where it appears inside; missing folders on the way are made.
    pub target: PathBuf,
    /// What can be done with it inside.
    pub kind: MountKind,
}

/// What can be done with a mount inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountKind {
    /// Only reading. When root starts the sandbox, files must be readable by others: the program is another user. Those
    /// that are not are listed in [`crate::EffectiveProtection::unreadable`].
    ReadOnly,
    /// Reading, of installed software that everybody may read: unlike [`MountKind::ReadOnly`], it is not searched for files
    /// that the program cannot read, which would take longer than the start of a short program.
    Software,
    /// Reading and writing; what is written stays on the host. When root starts the sandbox, everything in the source is
    /// first given to the sandbox's own user, except files with more than one hard link.
    Writable,
    /// Reading of the source, with changes going to a private layer in the scratch folder. Where the kernel refuses, the
    /// mount is read-only and [`crate::EffectiveProtection`] says so.
    Overlay,
    /// A device file, such as that of a GPU.
    Device,
}

/// What of the network is reachable from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The host's network.
    Open,
    /// An own, empty network with a loopback interface.
    None,
}

/// Upper bounds of what the program and its descendants use together. `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes, files on in-memory folders included.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at a time.
    pub processes: Option<u32>,
    /// Size of any single file that is written, in bytes.
    pub file_size_bytes: Option<u64>,
}

/// How a program is kept apart from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Own namespaces of the Linux kernel.
    Namespaces,
    /// Not at all: only deadlines, and limits where the host allows them.
    None,
}
