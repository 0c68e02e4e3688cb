//! Python processes in sandboxes.

use std::ffi::OsString;

use ptb_sandbox::{EffectiveProtection, Input, Isolation, Limits, SandboxSpec, spawn};

use super::channel::Channel;
use super::config::CodeConfig;
use super::error::PoolError;
use super::interpreter::Interpreter;

/// What all processes start with.
const PLAIN: &str = include_str!("python/plain.py");
const ANSWER: &str = include_str!("python/answer.py");
const CHECKER: &str = include_str!("python/checker.py");
const COMPAT: &str = include_str!("python/compat.py");

/// Largest file that a program may write, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Folder inside that programs may write to; it is in memory and counts as such.
const WORK: &str = "/tmp";

/// No mount needs a folder on the host.
const NO_SCRATCH: &str = "/nonexistent";

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Running a model's program and answering calls.
    Answer,
    /// Running the tests.
    Checker,
    /// Running both in one process, as the reference does.
    Compat,
}

impl Role {
    fn text(self) -> &'static str {
        match self {
            Role::Answer => ANSWER,
            Role::Checker => CHECKER,
            Role::Compat => COMPAT,
        }
    }
}

/// Starts a process that waits for its work.
pub(super) fn start(
    role: Role,
    config: &CodeConfig,
    interpreter: &Interpreter,
) -> Result<(Channel, EffectiveProtection), PoolError> {
    let mut running = spawn(&specification(role, config, interpreter)).map_err(PoolError::sandbox)?;
    let input = running.take_input();
    let protection = running.protection.clone();
    let channel = Channel::new(running, input).map_err(PoolError::host("use a pipe"))?;
    Ok((channel, protection))
}

/// The environment is listed here in full, so the interpreter needs no isolated mode. Hashes get a fixed seed, so that an
/// answer gets the same score each time. Numerical libraries would start a thread for each core of the host.
fn specification(role: Role, config: &CodeConfig, interpreter: &Interpreter) -> SandboxSpec {
    let mut spec = SandboxSpec::new(&interpreter.executable, NO_SCRATCH);
    let text = format!("{PLAIN}\n\n{}", role.text());
    spec.args = ["-S", "-s", "-B", "-c", &text].map(OsString::from).to_vec();
    let environment = [
        ("HOME", WORK),
        ("LANG", "C.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("PYTHONHASHSEED", "0"),
        ("OMP_NUM_THREADS", "1"),
        ("OPENBLAS_NUM_THREADS", "1"),
    ];
    spec.env = environment.map(|(name, value)| (name.into(), value.into())).into();
    spec.cwd = WORK.into();
    spec.input = Input::Pipe;
    spec.mounts = interpreter.mounts();
    spec.limits = Limits {
        memory_bytes: Some(config.memory_bytes),
        processes: Some(config.processes),
        file_size_bytes: Some(MAX_FILE),
    };
    if config.allow_unprotected && !namespaces_work() {
        spec.isolation = Isolation::None;
    }
    spec
}

/// Whether this machine can make sandboxes, found out once.
fn namespaces_work() -> bool {
    use std::sync::OnceLock;
    static WORK: OnceLock<bool> = OnceLock::new();
    *WORK.get_or_init(|| matches!(ptb_sandbox::probe(), ptb_sandbox::Probe::Work { .. }))
}
