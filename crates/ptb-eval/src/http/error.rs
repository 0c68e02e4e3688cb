//! Why there is no reply.

use std::error::Error;
use std::time::Duration;

use thiserror::Error;

use super::address::shown_address;

/// A request without a reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{address}: {problem}")]
pub struct HttpError {
    /// Where the request went, without secrets.
    pub address: String,
    /// What went wrong.
    pub problem: HttpProblem,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpProblem {
    /// The address or a header cannot be used.
    #[error("the address does not work: {0}")]
    Address(String),
    /// The body has no JSON form.
    #[error("the request has no JSON form: {0}")]
    Request(String),
    /// No connection came about.
    #[error("no connection: {0}; check that the server runs and that the address is right")]
    Connect(String),
    /// The connection broke before the reply was complete.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server began its reply and then said nothing for so long.
    #[error("the server fell silent for {0:?} in the middle of its reply")]
    Silence(Duration),
    /// The whole exchange took too long.
    #[error("no complete reply within {0:?}")]
    Timeout(Duration),
    /// The reply is longer than anything that is asked for.
    #[error("the reply is longer than {limit} bytes and was not read to its end")]
    TooLong {
        /// Longest reply that is read.
        limit: usize,
    },
}

impl HttpError {
    pub(super) fn new(address: &str, problem: HttpProblem) -> Self {
        Self { address: shown_address(address), problem }
    }

    /// Whether the same request may get a reply later.
    pub fn is_passing(&self) -> bool {
        match self.problem {
            HttpProblem::Connect(_) | HttpProblem::Broken(_) | HttpProblem::Silence(_) | HttpProblem::Timeout(_) => {
                true
            }
            HttpProblem::Address(_) | HttpProblem::Request(_) | HttpProblem::TooLong { .. } => false,
        }
    }

    /// Whether there is no server at the address, as far as one can tell.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.problem, HttpProblem::Connect(_))
    }
}

/// The error and its causes in one line; causes that only repeat are left out.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
