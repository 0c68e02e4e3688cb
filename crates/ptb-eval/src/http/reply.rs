//! What a server answers.

use std::borrow::Cow;
use std::time::Duration;

use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::HeaderMap;
use super::backoff::asked_pause;
use super::json::parse_json;

/// A complete reply, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, no longer than the limits allow.
    pub body: Bytes,
}

impl HttpReply {
    /// Whether the status says that all went well.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; bytes that are none are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON, read leniently.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        parse_json(&self.body)
    }

    /// The pause that the server asks for before the next attempt.
    pub fn asked_pause(&self) -> Option<Duration> {
        asked_pause(&self.headers, Timestamp::now())
    }
}
