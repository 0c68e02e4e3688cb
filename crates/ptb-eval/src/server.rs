//! Model servers that are started for an evaluation and stopped after it.
//!
//! A [`ServerKind`] knows how a program is asked to serve a model; [`ServerEngine`] starts it, waits until it is ready,
//! talks to it as to any endpoint, and stops it for good. The process runs under the supervisor of `ptb-sandbox` without
//! isolation: nothing of it survives this program, whatever either of them does. A server that dies or runs out of memory
//! fails the attempt at once; the next attempt starts a new one.
//!
//! The flags are those of vLLM 0.11 to 0.12, SGLang 0.5 and llama.cpp's server of 2025 and 2026.

mod cause;
mod engine;
mod environment;
mod error;
mod kind;
mod launch;
mod llama;
mod log;
mod process;
mod program;
mod sglang;
mod vllm;

pub use cause::Cause;
pub use engine::{ServerEngine, ServerProgress};
pub use error::ServerError;
pub use kind::{Place, ServerKind, kind_named};
pub use launch::{Launch, visible_gpus};
pub use llama::LlamaServer;
pub use sglang::Sglang;
pub use vllm::Vllm;
