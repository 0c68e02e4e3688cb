//! The sampling that a checkpoint asks for.

use serde::Deserialize;
use thiserror::Error;

use crate::config::TokenIds;

/// Why a `generation_config.json` is refused.
#[derive(Debug, Error)]
pub enum GenerationConfigError {
    /// Not JSON, or not of the expected types.
    #[error("not a valid generation configuration: {0}; save it again with save_pretrained, or delete it")]
    Json(#[from] serde_json::Error),
    /// A value outside its meaning.
    #[error("`{key}` is {value}, but must be {expected}; correct it, or delete the file")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is accepted.
        expected: &'static str,
    },
}

/// What `generation_config.json` says; absent values are `None`, unknown keys are ignored.
///
/// Without `do_sample: true` decoding is greedy, as in `transformers`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct GenerationConfig {
    /// Draw tokens instead of taking the likeliest.
    pub do_sample: Option<bool>,
    /// Divides the logits; 0 means greedy.
    pub temperature: Option<f64>,
    /// Keep this many likeliest tokens; 0 keeps all.
    pub top_k: Option<u32>,
    /// Keep the likeliest tokens that together reach this probability.
    pub top_p: Option<f64>,
    /// Keep tokens with at least this share of the likeliest token's probability.
    pub min_p: Option<f64>,
    /// Makes tokens of the context less likely (above 1) or likelier (below 1).
    pub repetition_penalty: Option<f64>,
    /// Most tokens to generate.
    pub max_new_tokens: Option<u32>,
    #[serde(rename = "eos_token_id")]
    eos: Option<TokenIds>,
}

impl GenerationConfig {
    /// Reads the bytes of a `generation_config.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, GenerationConfigError> {
        let config: Self = serde_json::from_slice(bytes)?;
        config.validate()?;
        Ok(config)
    }

    /// Tokens that end a completion, if the file names any.
    pub fn eos_token_ids(&self) -> Option<Vec<u32>> {
        self.eos.clone().map(TokenIds::into_vec)
    }

    /// Checks that the ending tokens are tokens of the model.
    pub(super) fn check_tokens(&self, vocab_size: usize) -> Result<(), GenerationConfigError> {
        let ids = self.eos_token_ids().unwrap_or_default();
        let highest = ids.into_iter().max();
        check("eos_token_id", highest, "below the vocab_size of config.json", |id| (id as usize) < vocab_size)
    }

    fn validate(&self) -> Result<(), GenerationConfigError> {
        check("temperature", self.temperature, "between 0 and 100", |x| (0.0..=100.0).contains(&x))?;
        check("top_p", self.top_p, "above 0 and at most 1", |x| x > 0.0 && x <= 1.0)?;
        check("min_p", self.min_p, "between 0 and 1", |x| (0.0..=1.0).contains(&x))?;
        check("repetition_penalty", self.repetition_penalty, "above 0 and at most 100", |x| x > 0.0 && x <= 100.0)?;
        check("max_new_tokens", self.max_new_tokens, "at least 1", |x| x >= 1)
    }
}

fn check<T: Copy + ToString>(
    key: &'static str,
    value: Option<T>,
    expected: &'static str,
    accept: impl Fn(T) -> bool,
) -> Result<(), GenerationConfigError> {
    match value {
        Some(value) if !accept(value) => {
            Err(GenerationConfigError::OutOfRange { key, value: value.to_string(), expected })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_file_is_read_and_unknown_keys_are_ignored() {
        let config = GenerationConfig::from_json(
            br#"{"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "bos_token_id": 1,
                 "eos_token_id": [151645, 151643], "transformers_version": "4.51.0"}"#,
        )
        .unwrap();
        assert_eq!(config.eos_token_ids(), Some(vec![151_645, 151_643]));
        assert_eq!((config.do_sample, config.top_k, config.min_p), (Some(true), Some(20), None));
    }

    #[test]
    fn values_outside_their_meaning_are_refused_by_name() {
        for (key, file) in [
            ("temperature", r#"{"temperature": -0.1}"#),
            ("top_p", r#"{"top_p": 0}"#),
            ("top_p", r#"{"top_p": 1.5}"#),
            ("min_p", r#"{"min_p": 2}"#),
            ("repetition_penalty", r#"{"repetition_penalty": 0}"#),
            ("max_new_tokens", r#"{"max_new_tokens": 0}"#),
        ] {
            match GenerationConfig::from_json(file.as_bytes()).unwrap_err() {
                GenerationConfigError::OutOfRange { key: named, .. } => assert_eq!(named, key),
                other @ GenerationConfigError::Json(_) => panic!("{file}: {other}"),
            }
        }
    }

    #[test]
    fn wrong_types_are_refused() {
        for file in [r#"{"top_k": -1}"#, r#"{"eos_token_id": "x"}"#, r#"{"do_sample": 1}"#, "[]", "{"] {
            assert!(
                matches!(GenerationConfig::from_json(file.as_bytes()), Err(GenerationConfigError::Json(_))),
                "{file}"
            );
        }
    }
}
