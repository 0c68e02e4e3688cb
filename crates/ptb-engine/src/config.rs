//! The shape of a decoder, read from the `config.json` of a Hugging Face checkpoint.
//!
//! Only the Qwen3 architecture is known. Anything that would make the same weights compute something else (code in the
//! checkpoint, quantisation, position scaling, biases, sliding windows) is refused by name: a score of a model that was
//! run in another way than its author meant is worse than no score.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// The architecture name in `config.json` of the checkpoints that this engine runs.
pub const ARCHITECTURE: &str = "Qwen3ForCausalLM";
/// The `model_type` that belongs to [`ARCHITECTURE`].
pub const MODEL_TYPE: &str = "qwen3";

/// Why a `config.json` cannot be run.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not JSON, or not of the expected types.
    #[error("not a valid model configuration: {0}; save the model again with save_pretrained")]
    Json(#[from] serde_json::Error),
    /// Another architecture, or none at all.
    #[error(
        "the architecture is {found}, but only {ARCHITECTURE} is supported; submit a model of the base model's architecture"
    )]
    Architecture {
        /// What the file says.
        found: String,
    },
    /// A setting that changes what the weights compute and that is not supported.
    #[error("`{key}` is set, which is not supported ({reason}); save a plain model without it")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// Why.
        reason: &'static str,
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

/// The shape and constants of a Qwen3 decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the number of query heads.
    pub num_key_value_heads: usize,
    /// Width of one head; even. Independent of `hidden_size / num_attention_heads`.
    pub head_dim: usize,
    /// Width inside the feed-forward part.
    pub intermediate_size: usize,
    /// Rows of the embedding matrix.
    pub vocab_size: usize,
    /// Most tokens in one sequence.
    pub max_position_embeddings: usize,
    /// Added under the root of every normalisation.
    pub rms_norm_eps: f64,
    /// Base of the rotary position angles.
    pub rope_theta: f64,
    /// Whether the output projection is the embedding matrix.
    pub tie_word_embeddings: bool,
    /// Standard deviation of freshly drawn weights.
    pub initializer_range: f64,
    /// Tokens that end a sequence, where `generation_config.json` names none.
    pub eos_token_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct RawConfig {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    head_dim: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_parameters: Option<RopeParameters>,
    rope_scaling: Option<RopeParameters>,
    tie_word_embeddings: Option<bool>,
    initializer_range: Option<f64>,
    eos_token_id: Option<TokenIds>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    use_sliding_window: Option<bool>,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<Value>,
    auto_map: Option<Value>,
}

#[derive(Deserialize)]
struct RopeParameters {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
}

/// One token id or a list of them, as Hugging Face files have it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum TokenIds {
    /// A single token.
    One(u32),
    /// Any of several tokens.
    Many(Vec<u32>),
}

impl TokenIds {
    /// The tokens as a list.
    pub fn into_vec(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::Many(ids) => ids,
        }
    }
}

impl DecoderConfig {
    /// Reads the bytes of a `config.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigError> {
        let raw: RawConfig = serde_json::from_slice(bytes)?;
        raw.check_architecture()?;
        raw.check_plain()?;
        let config = raw.into_config()?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as a `config.json` that `transformers` and this engine read.
    pub fn to_json(&self) -> Value {
        let fields = json!({
            "architectures": [ARCHITECTURE],
            "model_type": MODEL_TYPE,
            "attention_bias": false,
            "attention_dropout": 0.0,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "intermediate_size": self.intermediate_size,
            "vocab_size": self.vocab_size,
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_scaling": null,
            "tie_word_embeddings": self.tie_word_embeddings,
            "initializer_range": self.initializer_range,
            "use_sliding_window": false,
        });
        let Value::Object(mut fields) = fields else { return Value::Object(Map::new()) };
        if !self.eos_token_ids.is_empty() {
            fields.insert("eos_token_id".to_owned(), json!(self.eos_token_ids));
        }
        Value::Object(fields)
    }

    /// Checks that every number is one that a real model can have.
    pub fn validate(&self) -> Result<(), ConfigError> {
        size("hidden_size", self.hidden_size, 1 << 15)?;
        size("num_hidden_layers", self.num_hidden_layers, 512)?;
        size("num_attention_heads", self.num_attention_heads, 1024)?;
        size("num_key_value_heads", self.num_key_value_heads, 1024)?;
        size("head_dim", self.head_dim, 1024)?;
        size("intermediate_size", self.intermediate_size, 1 << 18)?;
        size("vocab_size", self.vocab_size, 1 << 21)?;
        size("max_position_embeddings", self.max_position_embeddings, 1 << 24)?;
        within("rms_norm_eps", self.rms_norm_eps, 1e-12, 0.1)?;
        within("rope_theta", self.rope_theta, 1.0, 1e12)?;
        within("initializer_range", self.initializer_range, 0.0, 10.0)?;
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let expected = format!("a divisor of num_attention_heads ({})", self.num_attention_heads);
            return Err(out_of_range("num_key_value_heads", self.num_key_value_heads, expected));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(out_of_range("head_dim", self.head_dim, "even"));
        }
        match self.eos_token_ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            Some(id) => Err(out_of_range("eos_token_id", id, format!("below vocab_size ({})", self.vocab_size))),
            None => Ok(()),
        }
    }

    /// Query heads for each key and value head.
    pub fn group_size(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Width of all query heads together.
    pub fn query_size(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    pub fn key_value_size(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }
}

impl RawConfig {
    fn check_architecture(&self) -> Result<(), ConfigError> {
        let names = self.architectures.as_deref().unwrap_or_default();
        if names.len() == 1 && names[0] == ARCHITECTURE && self.model_type.as_deref() == Some(MODEL_TYPE) {
            return Ok(());
        }
        let model_type = self.model_type.as_deref().unwrap_or("absent");
        Err(ConfigError::Architecture { found: format!("{names:?} with model_type {model_type:?}") })
    }

    fn check_plain(&self) -> Result<(), ConfigError> {
        let sliding = self.use_sliding_window == Some(true)
            || self.layer_types.iter().flatten().any(|kind| kind != "full_attention");
        let scaled = [&self.rope_scaling, &self.rope_parameters]
            .into_iter()
            .flatten()
            .any(|rope| rope.rope_type.as_deref().is_some_and(|kind| kind != "default"));
        let refused = [
            (self.auto_map.is_some(), "auto_map", "code of a checkpoint is never run"),
            (self.quantization_config.is_some(), "quantization_config", "weights must be bf16, f16 or f32"),
            (scaled, "rope_scaling", "positions are used as they are"),
            (self.attention_bias == Some(true), "attention_bias", "Qwen3 has no biases"),
            (sliding, "use_sliding_window", "every layer sees the whole sequence"),
            (self.hidden_act.as_deref().is_some_and(|name| name != "silu"), "hidden_act", "Qwen3 uses silu"),
        ];
        match refused.into_iter().find(|(is_set, ..)| *is_set) {
            Some((_, key, reason)) => Err(ConfigError::Unsupported { key, reason }),
            None => Ok(()),
        }
    }

    fn into_config(self) -> Result<DecoderConfig, ConfigError> {
        // Files of transformers 5 nest the base of the rotation, older ones have it at the top.
        let nested = self.rope_parameters.and_then(|rope| rope.rope_theta);
        let rope_theta = nested.or(self.rope_theta).ok_or_else(|| out_of_range("rope_theta", "absent", "a number"))?;
        Ok(DecoderConfig {
            hidden_size: self.hidden_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads,
            head_dim: self.head_dim,
            intermediate_size: self.intermediate_size,
            vocab_size: self.vocab_size,
            max_position_embeddings: self.max_position_embeddings,
            rms_norm_eps: self.rms_norm_eps,
            rope_theta,
            tie_word_embeddings: self.tie_word_embeddings.unwrap_or(false),
            initializer_range: self.initializer_range.unwrap_or(0.02),
            eos_token_ids: self.eos_token_id.map(TokenIds::into_vec).unwrap_or_default(),
        })
    }
}

fn size(key: &'static str, value: usize, most: usize) -> Result<(), ConfigError> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(out_of_range(key, value, format!("between 1 and {most}"))) }
}

fn within(key: &'static str, value: f64, least: f64, most: f64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(out_of_range(key, value, format!("between {least} and {most}")))
    }
}

fn out_of_range(key: &'static str, value: impl std::fmt::Display, expected: impl Into<String>) -> ConfigError {
    ConfigError::OutOfRange { key, value: value.to_string(), expected: expected.into() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model of a few thousand weights with grouped heads that are wider than `hidden_size` / heads.
    pub(crate) fn tiny() -> DecoderConfig {
        DecoderConfig {
            hidden_size: 24,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 8,
            intermediate_size: 40,
            vocab_size: 50,
            max_position_embeddings: 64,
            rms_norm_eps: 1e-6,
            rope_theta: 1e4,
            tie_word_embeddings: false,
            initializer_range: 0.2,
            eos_token_ids: Vec::new(),
        }
    }

    fn file() -> Value {
        json!({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 1024, "num_hidden_layers": 28,
            "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
            "vocab_size": 151_936, "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000,
            "tie_word_embeddings": true, "eos_token_id": 151_645, "rope_scaling": null, "attention_bias": false,
            "sliding_window": null, "torch_dtype": "bfloat16"
        })
    }

    fn with(key: &str, value: Value) -> Result<DecoderConfig, ConfigError> {
        let mut file = file();
        file[key] = value;
        DecoderConfig::from_json(file.to_string().as_bytes())
    }

    #[test]
    fn a_published_configuration_is_read() {
        let config = with("initializer_range", json!(0.02)).unwrap();
        assert_eq!((config.query_size(), config.key_value_size(), config.group_size()), (2048, 1024, 2));
        assert!((config.rope_theta - 1e6).abs() < 1e-6);
        assert_eq!(config.eos_token_ids, [151_645]);
        assert!(config.tie_word_embeddings);
    }

    #[test]
    fn the_nested_form_of_newer_files_is_read() {
        let rope = json!({"rope_theta": 5000.0, "rope_type": "default"});
        assert!((with("rope_parameters", rope).unwrap().rope_theta - 5000.0).abs() < 1e-9);
    }

    #[test]
    fn writing_and_reading_gives_the_same_configuration() {
        let config = with("eos_token_id", json!([1, 2])).unwrap();
        assert_eq!(DecoderConfig::from_json(config.to_json().to_string().as_bytes()).unwrap(), config);
    }

    #[test]
    fn other_architectures_are_refused_by_name() {
        let error = with("architectures", json!(["LlamaForCausalLM"])).unwrap_err();
        assert!(matches!(error, ConfigError::Architecture { .. }) && error.to_string().contains("LlamaForCausalLM"));
        assert!(matches!(with("model_type", json!("llama")).unwrap_err(), ConfigError::Architecture { .. }));
        assert!(matches!(with("architectures", json!(null)).unwrap_err(), ConfigError::Architecture { .. }));
    }

    #[test]
    fn settings_that_change_the_computation_are_refused_by_name() {
        for (key, value) in [
            ("auto_map", json!({"AutoModel": "x.Y"})),
            ("quantization_config", json!({"bits": 4})),
            ("rope_scaling", json!({"type": "yarn", "factor": 4.0})),
            ("attention_bias", json!(true)),
            ("use_sliding_window", json!(true)),
            ("hidden_act", json!("gelu")),
        ] {
            match with(key, value).unwrap_err() {
                ConfigError::Unsupported { key: named, .. } => assert_eq!(named, key),
                other => panic!("{key}: {other}"),
            }
        }
    }

    #[test]
    fn absurd_numbers_are_refused_by_name() {
        for (key, value) in [
            ("hidden_size", json!(1_000_000_000)),
            ("hidden_size", json!(0)),
            ("num_key_value_heads", json!(3)),
            ("head_dim", json!(7)),
            ("rms_norm_eps", json!(0.0)),
            ("rope_theta", json!(-1.0)),
            ("vocab_size", json!(u32::MAX)),
            ("eos_token_id", json!(151_936)),
        ] {
            match with(key, value).unwrap_err() {
                ConfigError::OutOfRange { key: named, .. } => assert_eq!(named, key),
                other => panic!("{key}: {other}"),
            }
        }
        assert!(matches!(with("hidden_size", json!(-1)).unwrap_err(), ConfigError::Json(_)));
        assert!(matches!(with("head_dim", json!("x")).unwrap_err(), ConfigError::Json(_)));
    }
}
