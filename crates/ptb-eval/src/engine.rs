//! What generates tokens.

use std::ops::ControlFlow;

use ptb_core::definitions::SamplingOverrides;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::prompt::ChatMessage;

/// Longest completion that is kept, in bytes; several times what the largest token limit can give.
pub const MAX_COMPLETION: usize = 1 << 20;
/// Most function calls of one completion that are kept.
pub const MAX_TOOL_CALLS: usize = 64;

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its parameters as a JSON Schema, keys in the order in which they are sent.
    pub parameters: Value,
}

/// A call of a function by the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call within its conversation.
    pub id: String,
    /// The function.
    pub name: String,
    /// The arguments as the model wrote them: JSON at best. Hostile text.
    pub arguments: String,
}

/// One request to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The conversation so far.
    pub messages: Vec<ChatMessage>,
    /// Functions that the model may call; it chooses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Seed of the sampling; fits a signed 64-bit integer.
    pub seed: u64,
    /// Generation parameters in place of the model's own.
    #[serde(default, skip_serializing_if = "SamplingOverrides::is_empty")]
    pub sampling: SamplingOverrides,
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
    /// The model calls functions.
    ToolCalls,
    /// The server holds the answer back.
    ContentFilter,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// What the model says. Hostile text; empty where it only calls functions.
    pub text: String,
    /// What the model thought, where the engine tells it apart from the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The functions it calls, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Seconds from the request to the whole answer, where the engine knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl Completion {
    /// A completion that is text only.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            reasoning: None,
            tool_calls: Vec::new(),
            stop_reason: StopReason::Stop,
            input_tokens: 0,
            output_tokens: 0,
            seconds: None,
        }
    }

    /// The completion with texts of at most [`MAX_COMPLETION`] bytes and at most [`MAX_TOOL_CALLS`] calls.
    pub(crate) fn bounded(mut self) -> Self {
        cut(&mut self.text);
        self.reasoning.iter_mut().for_each(cut);
        self.tool_calls.truncate(MAX_TOOL_CALLS);
        for call in &mut self.tool_calls {
            cut(&mut call.id);
            cut(&mut call.name);
            cut(&mut call.arguments);
        }
        self
    }
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_COMPLETION));
}

/// Why an engine gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// This request cannot be answered; others can.
    #[error("the request failed: {0}")]
    Request(String),
    /// The machine lacks something that the engine needs; trying again does not help.
    #[error("{0}")]
    Unavailable(String),
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
        let bounded = Completion::of_text("é".repeat(MAX_COMPLETION)).bounded();
        assert_eq!(bounded.text.len(), MAX_COMPLETION);
        assert!(bounded.text.chars().all(|char| char == 'é'));
    }
}
