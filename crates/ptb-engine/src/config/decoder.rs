//! The description of a decoder: sizes, and what sets one architecture apart from another.

use half::{bf16, f16};

use super::error::ConfigError;

/// The function on the gate of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x sigmoid(x).
    Silu,
    /// The approximation of the Gaussian error linear unit by a hyperbolic tangent (Hendrycks and Gimpel, 2016).
    GeluTanh,
}

/// A rotary position embedding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotaryConfig {
    /// Base of the angles.
    pub theta: f64,
    /// Positions are divided by this ("linear" scaling); 1 leaves them as they are.
    pub factor: f64,
}

/// What one block does differently from its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerConfig {
    /// A query sees this many positions, its own being the last; all earlier ones if absent.
    pub window: Option<usize>,
    /// Which of [`DecoderConfig::rotations`] turns queries and keys; none in blocks without position embedding.
    pub rotation: Option<usize>,
}

/// What sets the architectures apart. All else is the same in every one: pre-normalised blocks of grouped-query attention
/// and a gated feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, and any combination is a decoder")]
pub struct Design {
    /// Queries and keys are normalised head by head before they are turned.
    pub query_key_norms: bool,
    /// The four projections of the attention have biases.
    pub attention_bias: bool,
    /// The three projections of the feed-forward part have biases.
    pub feed_forward_bias: bool,
    /// The results of attention and feed-forward part are normalised before they are added.
    pub output_norms: bool,
    /// Added to the stored weights of every normalisation.
    pub norm_offset: f32,
    /// The function on the gate.
    pub activation: Activation,
    /// Factor of the embeddings.
    pub embedding_scale: Option<f32>,
    /// Factor of the attention scores.
    pub attention_scale: f32,
    /// Attention scores s become c tanh(s / c).
    pub attention_softcap: Option<f32>,
    /// Logits l become c tanh(l / c).
    pub logit_softcap: Option<f32>,
    /// The decoder is a part of a larger model, whose other parts the checkpoint holds as well.
    pub is_part: bool,
}

/// The shape and constants of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// The blocks, from first to last.
    pub layers: Vec<LayerConfig>,
    /// The rotary embeddings that blocks refer to.
    pub rotations: Vec<RotaryConfig>,
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
    /// Whether the output projection is the embedding matrix.
    pub tie_word_embeddings: bool,
    /// Standard deviation of freshly drawn weights.
    pub initializer_range: f64,
    /// Tokens that end a sequence, where `generation_config.json` names none.
    pub eos_token_ids: Vec<u32>,
    /// What sets the architecture apart.
    pub design: Design,
}

/// The number format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

impl DecoderConfig {
    /// Checks that every number is one that a real model can have.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        size("hidden_size", self.hidden_size, 1 << 15)?;
        size("num_attention_heads", self.num_attention_heads, 1024)?;
        size("num_key_value_heads", self.num_key_value_heads, 1024)?;
        size("head_dim", self.head_dim, 1024)?;
        size("intermediate_size", self.intermediate_size, 1 << 18)?;
        size("vocab_size", self.vocab_size, 1 << 21)?;
        size("max_position_embeddings", self.max_position_embeddings, 1 << 24)?;
        within("rms_norm_eps", self.rms_norm_eps, 1e-12, 0.1)?;
        within("initializer_range", self.initializer_range, 0.0, 10.0)?;
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let expected = format!("a divisor of num_attention_heads ({})", self.num_attention_heads);
            return Err(ConfigError::out_of_range("num_key_value_heads", self.num_key_value_heads, expected));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(ConfigError::out_of_range("head_dim", self.head_dim, "even"));
        }
        match self.eos_token_ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            Some(id) => {
                let expected = format!("below vocab_size ({})", self.vocab_size);
                Err(ConfigError::out_of_range("eos_token_id", id, expected))
            }
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

    /// Rounds the factor of the embeddings to the type of their weights, which is what the published implementations
    /// multiply with: of the root of 2560, 50.596, bfloat16 leaves 50.5.
    pub(crate) fn round_embedding_scale(&mut self, stored: WeightType) {
        self.design.embedding_scale = self.design.embedding_scale.map(|scale| match stored {
            WeightType::F32 => scale,
            WeightType::F16 => f16::from_f32(scale).to_f32(),
            WeightType::Bf16 => bf16::from_f32(scale).to_f32(),
        });
    }
}

pub(super) fn size(key: &'static str, value: usize, most: usize) -> Result<(), ConfigError> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::out_of_range(key, value, format!("between 1 and {most}")))
    }
}

pub(super) fn within(key: &'static str, value: f64, least: f64, most: f64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::out_of_range(key, value, format!("between {least} and {most}")))
    }
}
