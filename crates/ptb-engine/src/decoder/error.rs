use thiserror::Error;

/// Why a decoder cannot be built or run.
#[derive(Debug, Error)]
pub enum DecoderError {
    /// A tensor that the configuration asks for is absent.
    #[error("the tensor {name} is missing; save the whole model again (config.json and weights must belong together)")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("the tensor {name} has shape {found:?}, but config.json asks for {expected:?}; save the whole model again")]
    WrongShape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// More tokens in a sequence than the model has positions.
    #[error("a sequence of {length} tokens is longer than the {limit} positions of the model; shorten it")]
    TooLong {
        /// Tokens in the sequence.
        length: usize,
        /// Positions of the model.
        limit: usize,
    },
    /// A token that the model has no embedding for.
    #[error("the token {token} is not one of the {vocab_size} of the model; use the tokenizer of the checkpoint")]
    UnknownToken {
        /// The token.
        token: u32,
        /// Rows of the embedding matrix.
        vocab_size: usize,
    },
    /// The arithmetic itself failed.
    #[error("tensor arithmetic failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
