//! A server that does not serve.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ptb_core::files::FileError;
use ptb_sandbox::SandboxError;
use thiserror::Error;

use super::cause::Cause;
use crate::endpoint::EndpointError;
use crate::engine::EngineError;

/// A server that does not serve.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The program is not there.
    #[error("{program} is not installed, or not on the search path: {install}")]
    Missing {
        /// The program that was looked for.
        program: String,
        /// The command that installs it.
        install: &'static str,
    },
    /// The server cannot serve this checkpoint.
    #[error("{} cannot be served: {reason}", model.display())]
    Model {
        /// The checkpoint.
        model: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file around it cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// This machine cannot start it.
    #[error("{server} cannot be started: {reason}")]
    Start {
        /// The server's name.
        server: &'static str,
        /// Why.
        reason: String,
    },
    /// It ended before it was ready.
    #[error("{server} {end} before it was ready{}; its log is {}, which ends with:{lines}", because(*.cause), log.display())]
    Died {
        /// The server's name.
        server: &'static str,
        /// How it ended.
        end: String,
        /// Why, where the log says so.
        cause: Option<Cause>,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        lines: String,
    },
    /// It did not become ready in time.
    #[error("{server} was not ready after {limit:?}; its log is {}, which ends with:{lines}", log.display())]
    Slow {
        /// The server's name.
        server: &'static str,
        /// The time it had.
        limit: Duration,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        lines: String,
    },
    /// The client for it cannot be made.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl ServerError {
    /// Whether the machine lacks something, rather than the checkpoint.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Start { .. } | Self::File(_) | Self::Endpoint(_) => true,
            Self::Died { cause, .. } => {
                matches!(cause, Some(Cause::NoGpu | Cause::Flags | Cause::NotInstalled | Cause::PortTaken))
            }
            Self::Model { .. } | Self::Slow { .. } => false,
        }
    }

    pub(super) fn start(server: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Start { server, reason: error.to_string() }
    }

    pub(super) fn sandbox(server: &'static str) -> impl Fn(SandboxError) -> Self {
        move |error| Self::Start { server, reason: error.to_string() }
    }
}

/// Only what the model brings with it may be better with less.
impl From<ServerError> for EngineError {
    fn from(error: ServerError) -> Self {
        let message = error.to_string();
        if error.is_environment() { Self::Unavailable(message) } else { Self::Failed(message) }
    }
}

pub(super) fn because(cause: Option<Cause>) -> String {
    cause.map_or_else(String::new, |cause| format!(" because {cause}"))
}
