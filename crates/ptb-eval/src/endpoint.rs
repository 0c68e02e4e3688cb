//! Any server with OpenAI's chat completions as an engine.
//!
//! [`HttpEngine`] keeps as many requests open as the server takes: it starts with the given maximum, halves at every sign of
//! overload and grows again one by one. What may pass is tried again after a pause, what belongs to one sample becomes that
//! sample's error, and what says that the server is gone ends the attempt, so that the evaluation can try with less.

mod address;
mod driver;
mod engine;
mod error;
mod greedy;
mod outcome;
mod reply;
mod request;
mod trouble;
mod window;

pub use address::Address;
pub use engine::{EndpointSettings, HttpEngine};
pub use error::EndpointError;
pub use greedy::decodes_greedily;
pub use outcome::context_length_message;
pub use reply::{MalformedReply, completion_of};
pub use request::request_body;
pub use trouble::Patience;
