//! Why a sandbox could not be made. None of these is an outcome of the program inside.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::advice::Advice;

/// A sandbox that could not be made.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The specification cannot be carried out as it is.
    #[error("the sandbox for {} cannot be made: {reason}", program.display())]
    Spec {
        /// The program it was for.
        program: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder on the host could not be prepared.
    #[error("cannot {action} {} for the sandbox: {source}", path.display())]
    Host {
        /// The verb, such as `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host lacks a resource, such as memory for one more process.
    #[error("cannot {action} for the sandbox: {source}")]
    Resource {
        /// The verb and the thing.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused a step of the isolation.
    #[error("the kernel refused to {step}: {source}{advice}")]
    Refused {
        /// The step.
        step: String,
        /// Why.
        source: io::Error,
        /// What the person in charge of the machine can do.
        advice: AdviceList,
    },
    /// The program could not be started inside the box.
    #[error("cannot start {} in {} inside the sandbox: {source} while trying to {stage}", program.display(), cwd.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The folder it was to start in.
        cwd: PathBuf,
        /// What was being done.
        stage: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The sandbox's first process disappeared before the program started.
    #[error("the sandbox's first process was killed while it started; start the run again")]
    Lost,
}

impl SandboxError {
    pub(crate) fn host<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| SandboxError::Host { action, path: path.to_owned(), source }
    }

    pub(crate) fn resource<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| SandboxError::Resource { action, source: source.into() }
    }

    /// What the person in charge of the machine can do, where the kernel refused.
    pub fn advice(&self) -> &[Advice] {
        match self {
            SandboxError::Refused { advice, .. } => &advice.0,
            _ => &[],
        }
    }
}

/// Pieces of advice that read well after an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdviceList(pub(crate) Vec<Advice>);

impl fmt::Display for AdviceList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|advice| write!(formatter, "; {advice}"))
    }
}
