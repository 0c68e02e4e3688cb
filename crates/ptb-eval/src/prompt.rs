//! From an item to the messages that a model is asked with.

mod messages;
mod placeholders;

pub(crate) use placeholders::{fill, mentions};

pub use messages::{ChatMessage, PromptError, Prompter, Role};
