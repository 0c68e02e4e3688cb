//! One message of a conversation.

use serde::{Deserialize, Serialize};
use serde_json::Map;

/// One message in the form of the chat API: `role`, `content`, perhaps `reasoning_content` and `tool_calls`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(pub Map<String, serde_json::Value>);

impl Message {
    /// A message of `role` with plain text.
    pub fn new(role: &str, content: &str) -> Self {
        Self(
            [("role", role), ("content", content)]
                .map(|(key, text)| (key.to_owned(), text.into()))
                .into_iter()
                .collect(),
        )
    }

    /// A message of the system.
    pub fn system(content: &str) -> Self {
        Self::new("system", content)
    }

    /// A message of the user.
    pub fn user(content: &str) -> Self {
        Self::new("user", content)
    }

    /// A message of the assistant.
    pub fn assistant(content: &str) -> Self {
        Self::new("assistant", content)
    }
}
