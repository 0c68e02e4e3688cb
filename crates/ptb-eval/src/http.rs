//! The HTTP client of everything that asks a server: engines and judges.
//!
//! One [`HttpClient`] keeps its connections and is shared by all requests. Every reply is bounded in time and size, and
//! every error names the address without what may be secret in it.

mod address;
mod backoff;
mod client;
mod error;
mod json;
mod key;
mod reply;

pub use hyper::http::{HeaderMap, HeaderName, HeaderValue, Uri};

pub use address::shown_address;
pub use backoff::Backoff;
pub use client::{CONNECT_TIMEOUT, HttpClient, HttpLimits};
pub use error::{HttpError, HttpProblem};
pub use json::parse_json;
pub use key::{ApiKey, KeyError};
pub use reply::HttpReply;
