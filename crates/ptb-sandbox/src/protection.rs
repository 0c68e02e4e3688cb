//! What really protects the host, as recorded with a run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cgroup::Groups;
use crate::plan::Plan;
use crate::readable::{self, UnreadableFiles};
use crate::spec::{Isolation, MountKind, Network, SandboxSpec};
use crate::user::OutsideUser;

/// What is enforced for one sandbox. It is what was done, not what was asked for.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact of the record")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveProtection {
    /// How the program is kept apart.
    pub isolation: Isolation,
    /// The kernel's namespaces that are the program's own.
    pub namespaces: Vec<String>,
    /// The network that is reachable.
    pub network: Network,
    /// The user of the host that the program is.
    pub outside_uid: u32,
    /// Whether set-uid programs and file capabilities have no effect.
    pub no_new_privileges: bool,
    /// Whether the program has no capability and can get none.
    pub capabilities_dropped: bool,
    /// Whether dangerous system calls are refused.
    pub system_call_filter: bool,
    /// Whether the kernel itself ends every process of the sandbox with the sandbox.
    pub ends_with_kernel_help: bool,
    /// The memory limit.
    pub memory: LimitInForce,
    /// The limit on processes.
    pub processes: LimitInForce,
    /// The limit on the size of a file.
    pub file_size: LimitInForce,
    /// Overlays that are read-only because the kernel refused, with its reason.
    pub overlays_refused: Vec<OverlayRefused>,
    /// Files in mounts that the program cannot read, because root starts it as another user.
    pub unreadable: Vec<UnreadableFiles>,
    /// What is weaker than asked for, in sentences for people.
    pub weaknesses: Vec<String>,
}

/// A limit and who enforces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitInForce {
    /// The value that was asked for: bytes or a count. `None` is no limit.
    pub value: Option<u64>,
    /// Who enforces it.
    pub by: Enforcement,
}

/// Who enforces a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// No limit was asked for.
    NotAsked,
    /// A control group of the kernel.
    ControlGroup,
    /// A resource limit of the kernel.
    ResourceLimit,
    /// The supervisor, which looks several times a second and ends the sandbox.
    Watchdog,
    /// Nobody.
    Nobody,
}

/// An overlay that is a read-only mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayRefused {
    /// Where it is inside.
    pub target: PathBuf,
    /// The kernel's reason.
    pub reason: String,
}

const NAMESPACES: [&str; 6] = ["user", "mount", "pid", "ipc", "uts", "cgroup"];

impl EffectiveProtection {
    pub(crate) fn new(spec: &SandboxSpec, plan: &Plan, user: OutsideUser, groups: &Groups) -> Self {
        let boxed = spec.isolation == Isolation::Namespaces;
        let own_network = boxed && spec.network == Network::None;
        let names = NAMESPACES.into_iter().filter(|_| boxed).chain(own_network.then_some("net"));
        let outside_uid = if boxed { user.uid() } else { rustix::process::geteuid().as_raw() };
        let mut protection = Self {
            isolation: spec.isolation,
            namespaces: names.map(str::to_owned).collect(),
            network: if own_network { Network::None } else { Network::Open },
            outside_uid,
            no_new_privileges: true,
            capabilities_dropped: boxed,
            system_call_filter: !plan.filters.is_empty(),
            ends_with_kernel_help: boxed,
            memory: limit(spec.limits.memory_bytes, groups.limits_memory, Enforcement::Watchdog),
            processes: limit(spec.limits.processes.map(u64::from), groups.limits_processes, rlimit_if(boxed)),
            file_size: limit(spec.limits.file_size_bytes, false, Enforcement::ResourceLimit),
            overlays_refused: Vec::new(),
            unreadable: readable::unreadable(spec, user),
            weaknesses: Vec::new(),
        };
        protection.note_weaknesses(spec);
        protection
    }

    /// Records that an overlay became a read-only mount.
    pub(crate) fn refuse_overlay(&mut self, target: PathBuf, reason: String) {
        self.weaknesses.push(format!("the overlay at {} is read-only: {reason}", target.display()));
        self.overlays_refused.push(OverlayRefused { target, reason });
    }

    fn note_weaknesses(&mut self, spec: &SandboxSpec) {
        let mut add = |weak: bool, sentence: &str| {
            if weak {
                self.weaknesses.push(sentence.to_owned());
            }
        };
        let none = spec.isolation == Isolation::None;
        add(none, "there is no isolation: the program sees and changes everything that its user may");
        add(none && self.outside_uid == 0, "the program runs as root");
        add(none, "a program that kills its supervisor can leave processes behind");
        add(none && spec.network == Network::None, "the network is open although it was to be closed");
        add(none && spec.mounts.iter().any(|mount| mount.kind == MountKind::Overlay), "there are no overlays");
        add(
            self.memory.by == Enforcement::Watchdog,
            "memory is looked at a few times a second only, and files in memory folders are limited each on its own",
        );
        add(self.processes.by == Enforcement::Nobody, "nobody limits the number of processes");
        add(!none && !self.system_call_filter, "there is no system call filter for this processor");
    }
}

/// Without a user namespace the limit would count all processes of the user.
fn rlimit_if(boxed: bool) -> Enforcement {
    if boxed { Enforcement::ResourceLimit } else { Enforcement::Nobody }
}

fn limit(value: Option<u64>, by_group: bool, otherwise: Enforcement) -> LimitInForce {
    let by = match value {
        None => Enforcement::NotAsked,
        Some(_) if by_group => Enforcement::ControlGroup,
        Some(_) => otherwise,
    };
    LimitInForce { value, by }
}
