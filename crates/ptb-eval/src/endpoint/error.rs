//! A server that cannot be used, found out before anything is asked.

use std::io;

use thiserror::Error;

use crate::engine::EngineError;
use crate::http::HttpError;

/// A server that cannot be used.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The address makes no sense.
    #[error("the endpoint {0}")]
    Address(String),
    /// Nobody is there.
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(#[from] HttpError),
    /// Somebody is there, and refuses.
    #[error("{address} answered {status} when asked for its models: {message}{}", advice(*.status))]
    Refused {
        /// Address without secrets.
        address: String,
        /// HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The server has several models, or does not name them.
    #[error("name the model to ask for: {address} {}", served(.models))]
    NoModel {
        /// Address without secrets.
        address: String,
        /// What it serves.
        models: Vec<String>,
    },
    /// The server has other models.
    #[error("{address} has no model {model:?}: it {}", served(.models))]
    UnknownModel {
        /// Address without secrets.
        address: String,
        /// The model that was asked for.
        model: String,
        /// What it serves.
        models: Vec<String>,
    },
    /// This machine cannot start what the client needs.
    #[error("the HTTP client cannot start: {0}")]
    Runtime(#[from] io::Error),
}

impl EndpointError {
    /// Whether the server is missing, rather than the request wrong.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Refused { .. } | Self::Runtime(_))
    }
}

impl From<EndpointError> for EngineError {
    fn from(error: EndpointError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "; give the key that this server wants",
        500.. => "; the server may still be starting, try again",
        _ => "; check the address",
    }
}

fn served(models: &[String]) -> String {
    match models {
        [] => "does not list its models".to_owned(),
        models => format!("serves {}", models.join(", ")),
    }
}
