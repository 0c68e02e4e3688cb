//! Why training stops.

use std::path::PathBuf;

use thiserror::Error;

use crate::decoder::DecoderError;

/// A failed training run. Nothing is left at the output path.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A setting that cannot work.
    #[error("the setting `{name}` is {value}, but must be {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        expected: String,
    },
    /// A row of the training set that is not a conversation to learn from.
    #[error("{}:{line}: {reason}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// A training set without a single row.
    #[error("{} has no rows; each line must be an object {{\"messages\": [...]}}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder of the base model cannot be used.
    #[error("cannot use the model folder {}: {reason}", path.display())]
    Model {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A stored state does not belong to this run.
    #[error("cannot resume from {}: {reason}; start again without resuming, or remove the folder", path.display())]
    Resume {
        /// The folder of the stored state.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// The loss or the gradient is not a number any more.
    #[error(
        "the {what} is not finite at step {step}; lower the learning rate, lengthen the warm-up, or check the base \
         model's weights"
    )]
    NotFinite {
        /// Which value.
        what: &'static str,
        /// The step, from 1.
        step: usize,
    },
    /// The tokenizer refused a text.
    #[error("cannot tokenise: {0}")]
    Tokenizer(String),
    /// The decoder refused the weights or the tokens.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// A tensor operation failed.
    #[error("a tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

impl TrainError {
    /// Wraps an error of the file system; made for `map_err`.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a reference at every call would only be noise")]
    pub(super) fn setting(name: &'static str, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Setting { name, value: value.to_string(), expected: expected.into() }
    }
}
