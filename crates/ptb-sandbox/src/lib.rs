//! Isolation of agents: namespaces, limits, deadlines.
//!
//! **What must always hold: when a sandbox has ended, or its supervisor has, no process of it exists; and while it runs,
//! its processes see of the host what was mounted, and nothing else.**
//!
//! [`spawn`] starts a program from a [`SandboxSpec`] and returns a [`Running`]; its end is an [`Exit`] with the exact
//! reason. What was really enforced is an [`EffectiveProtection`], to be recorded with the run. [`probe`] tells what a
//! machine can do by doing it.
//!
//! ```no_run
//! use ptb_sandbox::{ExitReason, Mount, MountKind, SandboxSpec, spawn};
//!
//! let mut spec = SandboxSpec::new("/bin/sh", "/runs/one/scratch");
//! spec.args = vec!["-c".into(), "echo done > /workspace/result".into()];
//! let workspace = Mount {
//!     source: "/runs/one/workspace".into(),
//!     target: "/workspace".into(),
//!     kind: MountKind::Writable,
//! };
//! spec.mounts.push(workspace);
//! spec.deadline = Some(std::time::Duration::from_secs(600));
//! let exit = spawn(&spec)?.wait();
//! assert_eq!(exit.reason, ExitReason::Exited { code: 0 });
//! # Ok::<(), ptb_sandbox::SandboxError>(())
//! ```
//!
//! # Layers
//!
//! | layer | policy | reason |
//! |---|---|---|
//! | process namespace | the first process is ours; when it ends, the kernel kills the rest | double forks, `setsid` and ignored signals are no way out |
//! | supervisor | a thread as long-lived as the sandbox; the first process dies with it, and starts nothing before it is told | `kill -9` of the supervisor, even during the start, leaves nothing |
//! | user namespace | user 1000 inside; outside the caller, or an unprivileged number when root calls; never root | root inside that is root outside could write to `/proc/sys` |
//! | mount namespace | an empty root; system folders and a part of `/etc` read-only; only listed mounts besides | other runs, homes, keys and sockets have no name inside |
//! | `/proc`, `/dev`, `/tmp`, home | new and private; parts of `/proc` that steer the kernel are read-only | no other process can be seen or inspected |
//! | first process | cannot be inspected from inside, holds no rights, keeps no other descriptor | it is a copy of the caller and has its memory |
//! | network namespace | empty with a loopback interface, unless the host's network is asked for | the only way out is the one that is given |
//! | rights | no capabilities, no new privileges, a system call filter | less kernel to attack |
//! | environment, descriptors, input | only what is listed; none but the two outputs; `/dev/null`, or a pipe of the caller | keys travel by inheritance |
//! | control groups | memory and processes, where this user may make groups | one sandbox cannot starve the host |
//! | without control groups | `RLIMIT_NPROC` inside the user namespace, memory by a watchdog | weaker, and recorded so |
//! | deadline | everything gets `TERM`, then the grace period, then the namespace ends | a run costs what it may cost |
//!
//! # How a sandbox starts
//!
//! The caller may have many threads, so the new process must not allocate before it becomes the program: the whole set-up
//! is a list of steps with ready-made strings, which the process walks. An ordinary user needs the user namespace
//! first, because it gives the right to do the rest. Root makes all other namespaces first and the user namespace last,
//! so that nothing inside owns them. The steps need Linux 5.12.
//!
//! # What it does not do
//!
//! With [`Network::Open`] abstract sockets of the host are reachable. A kernel bug that gives root to any user gives it to
//! the program, too. With [`Isolation::None`] there is only the deadline: descendants are adopted and killed, but a
//! program that kills its supervisor's child can leave processes behind where no control group holds them.

mod advice;
mod cgroup;
mod child;
mod error;
mod exit;
mod filter;
mod kernel;
mod layout;
mod output;
mod plan;
mod probe;
mod processes;
mod protection;
mod readable;
mod running;
mod scratch;
mod spec;
mod step;
mod stopper;
mod supervisor;
mod user;
mod wire;

pub use advice::Advice;
pub use error::{AdviceList, SandboxError};
pub use exit::{Exit, ExitReason, ResourceUsage};
pub use output::OutputReader;
pub use probe::{Probe, probe};
pub use protection::{EffectiveProtection, Enforcement, LimitInForce, OverlayRefused};
pub use readable::UnreadableFiles;
pub use running::{Running, Waiter, spawn};
pub use spec::{DEFAULT_GRACE, DEFAULT_HOME, Input, Isolation, Limits, Mount, MountKind, Network, SandboxSpec};
pub use stopper::Stopper;
