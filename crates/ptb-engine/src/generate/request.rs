//! What is asked of the engine and what comes back.

use std::sync::Arc;

use thiserror::Error;

use super::sampling::{SamplingError, SamplingParams};
use crate::decoder::DecoderError;

/// Number of a request within its scheduler, in the order of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One completion to be generated.
#[derive(Debug, Clone)]
pub struct GenerationRequest {
    /// The prompt, already tokenised.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
    /// Most tokens to generate; without it, what the checkpoint says, or until the context is full.
    pub max_new_tokens: Option<usize>,
    /// Texts before which the completion ends.
    pub stop: Vec<String>,
    /// Where the random numbers of this request start.
    pub seed: u64,
}

/// Why a request cannot be accepted.
#[derive(Debug, Error)]
pub enum RequestError {
    /// Nothing to continue.
    #[error("the prompt is empty; give at least one token")]
    EmptyPrompt,
    /// The prompt fills the context.
    #[error("the prompt has {length} tokens, but the model has a context of {context}; shorten the prompt")]
    PromptTooLong {
        /// Tokens in the prompt.
        length: usize,
        /// Positions of the model.
        context: usize,
    },
    /// The prompt holds a token that the model does not have.
    #[error("the prompt holds the token {token}, but the model has {vocab_size}; use the tokenizer of the checkpoint")]
    UnknownToken {
        /// The token.
        token: u32,
        /// Tokens of the model.
        vocab_size: usize,
    },
    /// Nothing may be generated.
    #[error("max_new_tokens is 0; ask for at least one token")]
    NoTokens,
    /// A stop text that every completion contains.
    #[error("a stop text is empty; remove it")]
    EmptyStop,
    /// The sequence alone would take more memory than all sequences may.
    #[error(
        "{positions} positions need {needed} bytes of cache, but {budget} are allowed; ask for fewer tokens or allow more"
    )]
    CacheTooSmall {
        /// Positions asked for.
        positions: usize,
        /// Bytes they need.
        needed: usize,
        /// Bytes there are.
        budget: usize,
    },
    /// A sampling parameter outside its meaning.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// Why an accepted request failed.
#[derive(Debug, Error)]
pub enum GenerationError {
    /// The model computed something that is not a number.
    #[error("the model gives {value} for token {token}: its weights overflow; submit an earlier checkpoint")]
    NotFinite {
        /// The first such token.
        token: u32,
        /// NaN or an infinity.
        value: f32,
    },
    /// The decoder failed.
    #[error(transparent)]
    Decoder(Arc<DecoderError>),
    /// The tokenizer failed to turn tokens into text.
    #[error("the tokenizer cannot decode the completion: {0}; check tokenizer.json")]
    Tokenizer(String),
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// An ending token or a stop text.
    Stop,
    /// As many tokens as were allowed, or the context is full.
    Length,
}

/// A finished completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text without special tokens, cut before a stop text.
    pub text: String,
    /// Every generated token, including the ending one.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens in the prompt.
    pub prompt_tokens: usize,
}

impl Completion {
    /// Generated tokens, including the ending one.
    pub fn completion_tokens(&self) -> usize {
        self.tokens.len()
    }
}

/// News of one request.
#[derive(Debug)]
pub struct Event {
    /// Which request.
    pub id: RequestId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a request.
#[derive(Debug)]
pub enum EventKind {
    /// A token was generated.
    Token {
        /// The token.
        token: u32,
        /// Text that is now certain; often empty while a character or a possible stop text is incomplete.
        text: String,
    },
    /// The completion is done. The texts of all its events together are its text.
    Finished(Completion),
    /// The completion failed.
    Failed(GenerationError),
}
