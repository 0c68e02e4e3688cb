//! Batched generation: many sequences of different lengths together, new ones joining when others end.
//!
//! [`generate`] completes a list of requests; [`Scheduler`] is the same machine for callers that add requests while it
//! runs, such as the server. A request's text depends on its own seed and nothing else: the arithmetic is bit for bit
//! the same in every batch, and each request draws from random numbers of its own.

mod cache;
mod cached;
mod kernel;
mod matrix;
mod model;
mod packed;
mod request;
mod sampling;
mod scheduler;
mod text;

pub use cache::SequenceCache;
pub use cached::{CachedDecoder, Step};
pub use model::{Model, ModelError};
pub use request::{
    Completion, Event, EventKind, FinishReason, GenerationError, GenerationRequest, RequestError, RequestId,
};
pub use sampling::{SamplingError, SamplingParams};
pub use scheduler::{Limits, Scheduler, generate};
