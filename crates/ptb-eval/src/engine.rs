//! What generates tokens.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::prompt::ChatMessage;

/// Longest completion that is kept, in bytes; several times what the largest token limit can give.
pub const MAX_COMPLETION: usize = 1 << 20;

/// One request to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The conversation so far.
    pub messages: Vec<ChatMessage>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Seed of the sampling; fits a signed 64-bit integer.
    pub seed: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model ended it.
    Stop,
    /// The token limit cut it off.
    MaxTokens,
    /// The prompt and the answer fill the model's context.
    ModelLength,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// What the model says. Hostile text.
    pub text: String,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

impl Completion {
    /// The completion with a text of at most [`MAX_COMPLETION`] bytes.
    pub(crate) fn bounded(mut self) -> Self {
        let end = self.text.floor_char_boundary(MAX_COMPLETION);
        self.text.truncate(end);
        self
    }
}

/// Why an engine gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// This request cannot be answered; others can.
    #[error("the request failed: {0}")]
    Request(String),
    /// The engine itself failed, for instance out of memory; a lower token limit may help.
    #[error("the engine failed: {0}")]
    Failed(String),
}

/// Receives each answer as soon as it is there, with the index of its request; stops the engine by `Break`.
pub type OnCompletion<'a> = &'a mut dyn FnMut(usize, Result<Completion, EngineError>) -> ControlFlow<()>;

/// What generates tokens: the embedded decoder, or a server.
pub trait Engine {
    /// Name for logs, such as `embedded`.
    fn name(&self) -> &str;

    /// Whether decoding is greedy in effect, so that seeds change nothing.
    fn is_greedy(&self) -> bool;

    /// Answers all requests in any order. An error means that the engine failed: requests without an answer may be tried
    /// again.
    fn generate(&self, requests: Vec<ChatRequest>, on_completion: OnCompletion<'_>) -> Result<(), EngineError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_completions_are_cut_between_characters() {
        let text = "é".repeat(MAX_COMPLETION);
        let completion = Completion { text, stop_reason: StopReason::Stop, input_tokens: 1, output_tokens: 1 };
        let bounded = completion.bounded();
        assert_eq!(bounded.text.len(), MAX_COMPLETION);
        assert!(bounded.text.chars().all(|char| char == 'é'));
    }
}
