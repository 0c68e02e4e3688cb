//! An HTTP server in the manner of OpenAI's chat completions.
//!
//! `POST /v1/chat/completions` (whole or as a stream), `GET /v1/models`, `GET /health`. One thread drives the
//! scheduler; requests beyond the queue are answered with 429, and a client that goes away takes its work with it.

mod engine;
mod error;
mod request;
mod response;
mod server;
mod tools;

pub use server::{ServeError, ServeOptions, Server};
