//! `config.json` as it is written, and the settings in it that no architecture here supports.

use serde::Deserialize;
use serde_json::Value;

use super::decoder::{Activation, RotaryConfig, within};
use super::error::ConfigError;

/// The keys of all supported architectures. Absent ones are `None`, unknown ones are ignored.
#[derive(Deserialize)]
pub(super) struct RawConfig {
    pub(super) architectures: Option<Vec<String>>,
    pub(super) model_type: Option<String>,
    pub(super) hidden_size: Option<usize>,
    pub(super) num_hidden_layers: Option<usize>,
    pub(super) num_attention_heads: Option<usize>,
    pub(super) num_key_value_heads: Option<usize>,
    pub(super) head_dim: Option<usize>,
    pub(super) intermediate_size: Option<usize>,
    pub(super) vocab_size: Option<usize>,
    pub(super) max_position_embeddings: Option<usize>,
    pub(super) rms_norm_eps: Option<f64>,
    pub(super) rope_theta: Option<f64>,
    pub(super) rope_local_base_freq: Option<f64>,
    pub(super) rope_parameters: Option<RawRope>,
    pub(super) rope_scaling: Option<RawRope>,
    pub(super) tie_word_embeddings: Option<bool>,
    pub(super) initializer_range: Option<f64>,
    pub(super) eos_token_id: Option<TokenIds>,
    pub(super) hidden_act: Option<String>,
    pub(super) hidden_activation: Option<String>,
    pub(super) attention_bias: Option<bool>,
    pub(super) mlp_bias: Option<bool>,
    pub(super) use_sliding_window: Option<bool>,
    pub(super) sliding_window: Option<i64>,
    pub(super) sliding_window_pattern: Option<usize>,
    pub(super) max_window_layers: Option<usize>,
    pub(super) layer_types: Option<Vec<String>>,
    pub(super) no_rope_layers: Option<Vec<i64>>,
    pub(super) no_rope_layer_interval: Option<usize>,
    pub(super) query_pre_attn_scalar: Option<f64>,
    pub(super) attn_logit_softcapping: Option<f64>,
    pub(super) final_logit_softcapping: Option<f64>,
    pub(super) text_config: Option<Box<RawConfig>>,
    partial_rotary_factor: Option<f64>,
    use_bidirectional_attention: Option<Value>,
    num_experts: Option<Value>,
    num_local_experts: Option<Value>,
    quantization_config: Option<Value>,
    auto_map: Option<Value>,
}

/// The settings of one rotary embedding, or of one for each kind of layer.
#[derive(Deserialize)]
pub(super) struct RawRope {
    pub(super) rope_theta: Option<f64>,
    rope_type: Option<String>,
    /// The older name of `rope_type`; some files have both.
    #[serde(rename = "type")]
    old_type: Option<String>,
    factor: Option<f64>,
    partial_rotary_factor: Option<f64>,
    pub(super) full_attention: Option<Box<RawRope>>,
    pub(super) sliding_attention: Option<Box<RawRope>>,
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

impl RawConfig {
    /// Refuses what would make the weights compute something else than this decoder does.
    pub(super) fn check_plain(&self) -> Result<(), ConfigError> {
        let is_on = |value: &Option<Value>| value.as_ref().is_some_and(|value| *value != Value::Bool(false));
        let refused = [
            ("auto_map", &self.auto_map, "code of a checkpoint is never run"),
            ("quantization_config", &self.quantization_config, "weights are plain bf16, f16 or f32"),
            ("num_experts", &self.num_experts, "the feed-forward part is dense"),
            ("num_local_experts", &self.num_local_experts, "the feed-forward part is dense"),
            ("use_bidirectional_attention", &self.use_bidirectional_attention, "attention looks back only"),
        ];
        if let Some((key, Some(value), supported)) = refused.into_iter().find(|(_, value, _)| is_on(value)) {
            return Err(ConfigError::unsupported(key, shortened(value), supported));
        }
        check_whole_rotation(self.partial_rotary_factor)
    }

    /// The activation under the architecture's key; `otherwise` where the file does not say.
    pub(super) fn activation(
        key: &'static str,
        name: Option<&str>,
        otherwise: Activation,
    ) -> Result<Activation, ConfigError> {
        match name {
            None => Ok(otherwise),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some(other) => Err(ConfigError::unsupported(key, other, "silu and gelu_pytorch_tanh are")),
        }
    }

    /// The rotary embedding of architectures that have one for all layers.
    pub(super) fn rotation(&self) -> Result<RotaryConfig, ConfigError> {
        let nested = [("rope_scaling", &self.rope_scaling), ("rope_parameters", &self.rope_parameters)];
        let set = nested.into_iter().find_map(|(key, rope)| rope.as_ref().map(|rope| (key, rope)));
        let Some((key, rope)) = set else {
            return rotary("rope_theta", None, self.rope_theta.ok_or(ConfigError::Absent { key: "rope_theta" })?);
        };
        if rope.full_attention.is_some() || rope.sliding_attention.is_some() {
            let supported = "all layers of this architecture share one rotation";
            return Err(ConfigError::unsupported(key, "an entry for each kind of layer", supported));
        }
        // Files of transformers 5 nest the base of the rotation, older ones have it at the top.
        let theta = rope.rope_theta.or(self.rope_theta).ok_or(ConfigError::Absent { key: "rope_theta" })?;
        rotary(key, Some(rope), theta)
    }
}

/// A rotary embedding from the settings under `key`, which may be absent.
pub(super) fn rotary(key: &'static str, rope: Option<&RawRope>, theta: f64) -> Result<RotaryConfig, ConfigError> {
    within("rope_theta", theta, 1.0, 1e12)?;
    check_whole_rotation(rope.and_then(|rope| rope.partial_rotary_factor))?;
    let kind = rope.and_then(|rope| rope.rope_type.as_deref().or(rope.old_type.as_deref()));
    let factor = match kind.unwrap_or("default") {
        "default" => 1.0,
        "linear" => {
            let factor = rope.and_then(|rope| rope.factor).ok_or(ConfigError::Absent { key: "factor" })?;
            within("factor", factor, 1.0, 1e6)?;
            factor
        }
        other => return Err(ConfigError::unsupported(key, other, "the rope types default and linear are")),
    };
    Ok(RotaryConfig { theta, factor })
}

fn check_whole_rotation(share: Option<f64>) -> Result<(), ConfigError> {
    match share {
        Some(share) if (share - 1.0).abs() > f64::EPSILON => {
            Err(ConfigError::unsupported("partial_rotary_factor", share, "whole heads are turned"))
        }
        _ => Ok(()),
    }
}

/// A value for a message: its beginning is enough to find it again.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
