//! How a command fails, and the exit code that says so.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// The thing asked about is bad: a flagged run, a failed check, a run that did not come to its end. Exit code 1.
    Bad(anyhow::Error),
    /// Wrong usage or input. Exit code 2.
    Usage(anyhow::Error),
    /// The environment lacks something. Exit code 3.
    Environment(anyhow::Error),
}

/// What a command returns.
pub type Outcome = Result<(), Failure>;

impl Failure {
    /// The exit code of the process.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Bad(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Environment(_) => 3,
        })
    }

    /// The error itself.
    pub fn error(&self) -> &anyhow::Error {
        match self {
            Failure::Bad(error) | Failure::Usage(error) | Failure::Environment(error) => error,
        }
    }
}

/// Sorts errors into the three kinds of failure where they leave a library.
pub trait Sort<T> {
    /// The thing asked about is bad.
    fn bad(self) -> Result<T, Failure>;
    /// Wrong usage or input.
    fn usage(self) -> Result<T, Failure>;
    /// The environment lacks something.
    fn environment(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Sort<T> for Result<T, E> {
    fn bad(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Bad(error.into()))
    }

    fn usage(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Usage(error.into()))
    }

    fn environment(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Environment(error.into()))
    }
}

/// A failure with just a sentence.
pub fn bad(message: impl Display) -> Failure {
    Failure::Bad(anyhow::anyhow!("{message}"))
}

/// A failure of usage with just a sentence.
pub fn usage(message: impl Display) -> Failure {
    Failure::Usage(anyhow::anyhow!("{message}"))
}
