//! Isolation of agents: namespaces, limits, deadlines.

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
pub use running::{Running, Waiter, spawn};
pub use spec::{DEFAULT_GRACE, DEFAULT_HOME, Isolation, Limits, Mount, MountKind, Network, SandboxSpec};
pub use stopper::Stopper;
