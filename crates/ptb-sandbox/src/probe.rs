//! What sandboxes can do on this machine, found out by making one.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::advice::Advice;
use crate::error::SandboxError;
use crate::exit::ExitReason;
use crate::protection::EffectiveProtection;
use crate::running::spawn;
use crate::spec::{Limits, Mount, MountKind, SandboxSpec};

/// Limits that are tried out; far above what the trial needs.
const TRIAL: Limits = Limits { memory_bytes: Some(1 << 30), processes: Some(64), file_size_bytes: Some(1 << 30) };

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "namespaces", rename_all = "snake_case")]
pub enum Probe {
    /// Sandboxes work.
    Work {
        /// What protects the host, with all limits asked for.
        protection: Box<EffectiveProtection>,
        /// Time from nothing to the end of a program that does nothing.
        took: Duration,
    },
    /// Sandboxes do not work.
    Refused {
        /// The error.
        error: String,
        /// What the person in charge of the machine can do.
        advice: Vec<Advice>,
    },
}

/// Makes a sandbox with everything switched on in a new folder in the system's temporary folder.
pub fn probe() -> Probe {
    match new_folder().and_then(|scratch| {
        let result = try_out(&scratch);
        let _ = fs::remove_dir_all(&scratch);
        result
    }) {
        Ok((protection, took)) => Probe::Work { protection: Box::new(protection), took },
        Err(error) => Probe::Refused { advice: error.advice().to_vec(), error: error.to_string() },
    }
}

/// A folder of this process alone: in a shared temporary folder, somebody else may have made the expected one.
fn new_folder() -> Result<PathBuf, SandboxError> {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let folder = std::env::temp_dir().join(format!("ptb-probe-{}-{nanoseconds}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&folder).map_err(SandboxError::host("create", &folder))?;
    Ok(folder)
}

fn try_out(scratch: &Path) -> Result<(EffectiveProtection, Duration), SandboxError> {
    let lower = scratch.join("lower");
    fs::create_dir_all(&lower).map_err(SandboxError::host("create", &lower))?;
    let mut spec = SandboxSpec::new("/bin/sh", scratch);
    spec.args = vec!["-c".into(), "exit 0".into()];
    spec.limits = TRIAL;
    spec.deadline = Some(Duration::from_secs(10));
    spec.mounts = vec![Mount { source: lower, target: PathBuf::from("/lower"), kind: MountKind::Overlay }];
    let start = Instant::now();
    let running = spawn(&spec)?;
    let protection = running.protection.clone();
    let exit = running.wait();
    match exit.reason {
        ExitReason::Exited { code: 0 } => Ok((protection, start.elapsed())),
        reason => Err(SandboxError::Spec { program: spec.program, reason: format!("a trial program {reason}") }),
    }
}
