use thiserror::Error;

/// Why a `config.json` cannot be run.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not JSON, or not of the expected types.
    #[error("not a valid model configuration: {0}; save the model again with save_pretrained")]
    Json(#[from] serde_json::Error),
    /// Another architecture, or none at all.
    #[error(
        "the architecture is {found}, but only {supported} are supported; submit a model of the base model's architecture"
    )]
    Architecture {
        /// What the file says.
        found: String,
        /// The names of all supported architectures.
        supported: String,
    },
    /// A setting that changes what the weights compute and that is not supported.
    #[error("`{key}` is {value}, which is not supported: {supported}; save a model without it")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is supported.
        supported: String,
    },
    /// A setting that the architecture cannot do without.
    #[error("`{key}` is absent; copy config.json from the base model")]
    Absent {
        /// The key.
        key: &'static str,
    },
    /// A number that no real model has.
    #[error("`{key}` is {value}, but must be {expected}; check how config.json was written")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value found.
        value: String,
        /// What is accepted.
        expected: String,
    },
}

impl ConfigError {
    pub(super) fn out_of_range(key: &'static str, value: impl std::fmt::Display, expected: impl Into<String>) -> Self {
        Self::OutOfRange { key, value: value.to_string(), expected: expected.into() }
    }

    pub(super) fn unsupported(key: &'static str, value: impl std::fmt::Display, supported: impl Into<String>) -> Self {
        Self::Unsupported { key, value: value.to_string(), supported: supported.into() }
    }
}
