//! Why answers cannot be checked. None of these says anything about an answer.

use std::io;
use std::path::PathBuf;

use ptb_sandbox::SandboxError;
use thiserror::Error;

/// Why answers cannot be checked.
#[derive(Debug, Error)]
pub enum PoolError {
    /// There is no interpreter that can be used.
    #[error("cannot run the Python interpreter {}: {reason}; install Python 3.8 or newer, or name another interpreter", path.display())]
    Interpreter {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The machine does not let this user isolate programs.
    #[error(
        "model-written programs cannot be isolated on this machine, so that they could read the tests, use the network \
         and change files: {source}; run as a user who may make namespaces, or allow unprotected execution explicitly"
    )]
    Environment {
        /// What the kernel refused, with advice.
        source: SandboxError,
    },
    /// A sandbox could not be made although this machine can make them.
    #[error("cannot start a process for model-written programs: {0}")]
    Sandbox(#[from] SandboxError),
    /// The tests of an item cannot be used, whatever the answer is.
    #[error("the tests of `{entry_point}` cannot be run: {reason}; correct the data set's row")]
    Tests {
        /// The function under test.
        entry_point: String,
        /// Why.
        reason: String,
    },
    /// The checking process failed.
    #[error("the process that runs the tests of `{entry_point}` failed: {reason}")]
    Checker {
        /// The function under test.
        entry_point: String,
        /// Why.
        reason: String,
    },
    /// The host failed.
    #[error("cannot {action} for model-written programs: {source}")]
    Host {
        /// The verb and the thing.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl PoolError {
    pub(super) fn host<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| PoolError::Host { action, source: source.into() }
    }

    /// A sandbox error as the pool's: a refusing kernel is the environment's fault, anything else may pass.
    pub(super) fn sandbox(error: SandboxError) -> Self {
        match error {
            SandboxError::Refused { .. } => PoolError::Environment { source: error },
            other => PoolError::Sandbox(other),
        }
    }
}
