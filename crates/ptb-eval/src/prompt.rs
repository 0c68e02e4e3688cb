//! From an item to the messages that a model is asked with.

mod messages;
mod pack;
mod placeholders;
mod reference_pack;

pub(crate) use placeholders::{fill, mentions};

pub use messages::{ChatMessage, PromptError, Prompter, Role};
pub use pack::{PackError, load_pack};
