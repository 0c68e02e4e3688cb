//! The supported architectures: how each one's `config.json` becomes a decoder's description.

use super::decoder::{Activation, DecoderConfig, Design, LayerConfig, RotaryConfig, size, within};
use super::error::ConfigError;
use super::raw::{RawConfig, TokenIds, rotary};

/// An architecture by the name and the `model_type` of its `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    Qwen3,
    SmolLm3,
    /// The text model alone.
    Gemma3Text,
    /// The text model with a vision tower, which stays unused.
    Gemma3,
}

/// Name, `model_type` and meaning of each.
const ARCHITECTURES: [(&str, &str, Architecture); 4] = [
    ("Qwen3ForCausalLM", "qwen3", Architecture::Qwen3),
    ("SmolLM3ForCausalLM", "smollm3", Architecture::SmolLm3),
    ("Gemma3ForCausalLM", "gemma3_text", Architecture::Gemma3Text),
    ("Gemma3ForConditionalGeneration", "gemma3", Architecture::Gemma3),
];

/// Blocks of the largest model.
const MOST_LAYERS: usize = 512;
/// Positions of the widest window.
const WIDEST: i64 = 1 << 24;

impl Architecture {
    pub(super) fn of(raw: &RawConfig) -> Result<Self, ConfigError> {
        let names = raw.architectures.as_deref().unwrap_or_default();
        let is_named = |&&(name, model_type, _): &&(&str, &str, Self)| {
            names == [name] && raw.model_type.as_deref() == Some(model_type)
        };
        if let Some(&(_, _, architecture)) = ARCHITECTURES.iter().find(is_named) {
            return Ok(architecture);
        }
        let model_type = raw.model_type.as_deref().unwrap_or("absent");
        let supported: Vec<String> =
            ARCHITECTURES.iter().map(|(name, kind, _)| format!("{name} with model_type {kind:?}")).collect();
        let found = format!("{names:?} with model_type {model_type:?}");
        Err(ConfigError::Architecture { found, supported: supported.join(", ") })
    }

    pub(super) fn read(self, raw: RawConfig) -> Result<DecoderConfig, ConfigError> {
        match self {
            Self::Qwen3 => qwen3(&raw),
            Self::SmolLm3 => smollm3(&raw),
            Self::Gemma3Text => gemma3(&raw),
            Self::Gemma3 => gemma3_part(raw),
        }
    }
}

/// Qwen3: normalised queries and keys.
fn qwen3(raw: &RawConfig) -> Result<DecoderConfig, ConfigError> {
    refuse_feed_forward_bias(raw)?;
    let count = layer_count(raw)?;
    let first_sliding = raw.max_window_layers.unwrap_or(28);
    let is_sliding = sliding(raw, count, |layer| raw.use_sliding_window == Some(true) && layer >= first_sliding)?;
    let window = switched_window(raw, &is_sliding)?;
    let rotations = vec![raw.rotation()?];
    let layers =
        is_sliding.into_iter().map(|sliding| LayerConfig { window: window.filter(|_| sliding), rotation: Some(0) });
    let head_dim = required("head_dim", raw.head_dim)?;
    let design = Design { query_key_norms: true, ..plain_design(raw, head_dim)? };
    let sizes = Sizes { layers: layers.collect(), rotations, head_dim, tied_by_default: false };
    plain(raw, sizes, design)
}

/// SmolLM3: some layers without position embedding.
fn smollm3(raw: &RawConfig) -> Result<DecoderConfig, ConfigError> {
    let count = layer_count(raw)?;
    let turned = turned_layers(raw, count)?;
    let has_window = raw.use_sliding_window == Some(true) && raw.sliding_window.is_some();
    let is_sliding = sliding(raw, count, |layer| has_window && !turned[layer])?;
    let window = switched_window(raw, &is_sliding)?;
    let rotations = vec![raw.rotation()?];
    let layer = |(sliding, turned): (bool, bool)| LayerConfig {
        window: window.filter(|_| sliding),
        rotation: turned.then_some(0),
    };
    let layers = is_sliding.into_iter().zip(turned).map(layer).collect();
    let head_dim = match raw.head_dim {
        Some(head_dim) => head_dim,
        None => {
            required("hidden_size", raw.hidden_size)? / required("num_attention_heads", raw.num_attention_heads)?.max(1)
        }
    };
    let design = Design { feed_forward_bias: raw.mlp_bias == Some(true), ..plain_design(raw, head_dim)? };
    plain(raw, Sizes { layers, rotations, head_dim, tied_by_default: true }, design)
}

/// Gemma 3: sliding windows with a rotation of their own, normalised results, scaled embeddings, soft caps.
///
/// Published files leave out what equals the defaults of the architecture, so these stand here.
///
/// Soft caps are applied wherever a file sets them. No published model does, and `transformers` is of two minds: it reads
/// `attn_logit_softcapping` without using it, and `final_logit_softcapping` counts only for the text model alone.
fn gemma3(raw: &RawConfig) -> Result<DecoderConfig, ConfigError> {
    refuse_feed_forward_bias(raw)?;
    let count = raw.num_hidden_layers.unwrap_or(26);
    size("num_hidden_layers", count, MOST_LAYERS)?;
    let pattern = raw.sliding_window_pattern.unwrap_or(6);
    size("sliding_window_pattern", pattern, MOST_LAYERS)?;
    let is_sliding = sliding(raw, count, |layer| (layer + 1) % pattern != 0)?;
    let window = if is_sliding.contains(&true) { Some(window(raw.sliding_window.unwrap_or(4096))?) } else { None };
    let layer =
        |sliding: bool| LayerConfig { window: window.filter(|_| sliding), rotation: Some(usize::from(sliding)) };
    let hidden_size = raw.hidden_size.unwrap_or(2304);
    let scalar = raw.query_pre_attn_scalar.unwrap_or(256.0);
    within("query_pre_attn_scalar", scalar, 1e-6, 1e9)?;
    let config = DecoderConfig {
        hidden_size,
        layers: is_sliding.into_iter().map(layer).collect(),
        rotations: gemma3_rotations(raw)?,
        num_attention_heads: raw.num_attention_heads.unwrap_or(8),
        num_key_value_heads: raw.num_key_value_heads.unwrap_or(4),
        head_dim: raw.head_dim.unwrap_or(256),
        intermediate_size: raw.intermediate_size.unwrap_or(9216),
        vocab_size: raw.vocab_size.unwrap_or(262_208),
        max_position_embeddings: raw.max_position_embeddings.unwrap_or(131_072),
        rms_norm_eps: raw.rms_norm_eps.unwrap_or(1e-6),
        tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(true),
        initializer_range: raw.initializer_range.unwrap_or(0.02),
        eos_token_ids: eos_tokens(raw),
        design: Design {
            query_key_norms: true,
            attention_bias: raw.attention_bias == Some(true),
            feed_forward_bias: false,
            output_norms: true,
            norm_offset: 1.0,
            activation: gemma3_activation(raw)?,
            embedding_scale: Some((hidden_size as f64).sqrt() as f32),
            attention_scale: scalar.powf(-0.5) as f32,
            attention_softcap: softcap("attn_logit_softcapping", raw.attn_logit_softcapping)?,
            logit_softcap: softcap("final_logit_softcapping", raw.final_logit_softcapping)?,
            is_part: false,
        },
    };
    Ok(config)
}

fn gemma3_activation(raw: &RawConfig) -> Result<Activation, ConfigError> {
    RawConfig::activation("hidden_activation", raw.hidden_activation.as_deref(), Activation::GeluTanh)
}

/// The text model inside of Gemma 3 with vision.
fn gemma3_part(raw: RawConfig) -> Result<DecoderConfig, ConfigError> {
    let mut text = *raw.text_config.ok_or(ConfigError::Absent { key: "text_config" })?;
    if let Some(other) = text.model_type.as_deref().filter(|&kind| kind != "gemma3_text") {
        return Err(ConfigError::unsupported("text_config.model_type", other, "gemma3_text is"));
    }
    text.check_plain()?;
    text.eos_token_id = raw.eos_token_id.or(text.eos_token_id);
    text.tie_word_embeddings = raw.tie_word_embeddings.or(text.tie_word_embeddings);
    let mut config = gemma3(&text)?;
    config.design.is_part = true;
    Ok(config)
}

/// The rotations of full and of sliding layers, in this order.
fn gemma3_rotations(raw: &RawConfig) -> Result<Vec<RotaryConfig>, ConfigError> {
    let nested = raw.rope_parameters.as_ref();
    let (full, sliding) = match nested {
        None => (None, None),
        Some(nested) => (nested.full_attention.as_deref(), nested.sliding_attention.as_deref()),
    };
    if nested.is_some() && full.is_none() && sliding.is_none() {
        let supported = "it has an entry for full_attention and one for sliding_attention";
        return Err(ConfigError::unsupported("rope_parameters", "one rotation for all layers", supported));
    }
    let nested_theta = full.and_then(|rope| rope.rope_theta);
    let (key, full) = match &raw.rope_scaling {
        Some(scaling) => ("rope_scaling", Some(scaling)),
        None => ("rope_parameters", full),
    };
    let wide = full.and_then(|rope| rope.rope_theta).or(nested_theta).or(raw.rope_theta).unwrap_or(1e6);
    let narrow = sliding.and_then(|rope| rope.rope_theta).or(raw.rope_local_base_freq).unwrap_or(1e4);
    Ok(vec![rotary(key, full, wide)?, rotary("rope_parameters", sliding, narrow)?])
}

/// What an architecture has worked out before the common part is read.
struct Sizes {
    layers: Vec<LayerConfig>,
    rotations: Vec<RotaryConfig>,
    head_dim: usize,
    tied_by_default: bool,
}

/// The description of an architecture whose files hold every number.
fn plain(raw: &RawConfig, sizes: Sizes, design: Design) -> Result<DecoderConfig, ConfigError> {
    Ok(DecoderConfig {
        hidden_size: required("hidden_size", raw.hidden_size)?,
        layers: sizes.layers,
        rotations: sizes.rotations,
        num_attention_heads: required("num_attention_heads", raw.num_attention_heads)?,
        num_key_value_heads: required("num_key_value_heads", raw.num_key_value_heads)?,
        head_dim: sizes.head_dim,
        intermediate_size: required("intermediate_size", raw.intermediate_size)?,
        vocab_size: required("vocab_size", raw.vocab_size)?,
        max_position_embeddings: required("max_position_embeddings", raw.max_position_embeddings)?,
        rms_norm_eps: required("rms_norm_eps", raw.rms_norm_eps)?,
        tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(sizes.tied_by_default),
        initializer_range: raw.initializer_range.unwrap_or(0.02),
        eos_token_ids: eos_tokens(raw),
        design,
    })
}

/// A design without anything special.
fn plain_design(raw: &RawConfig, head_dim: usize) -> Result<Design, ConfigError> {
    Ok(Design {
        query_key_norms: false,
        attention_bias: raw.attention_bias == Some(true),
        feed_forward_bias: false,
        output_norms: false,
        norm_offset: 0.0,
        activation: RawConfig::activation("hidden_act", raw.hidden_act.as_deref(), Activation::Silu)?,
        embedding_scale: None,
        attention_scale: 1.0 / (head_dim as f32).sqrt(),
        attention_softcap: None,
        logit_softcap: None,
        is_part: false,
    })
}

fn eos_tokens(raw: &RawConfig) -> Vec<u32> {
    raw.eos_token_id.clone().map(TokenIds::into_vec).unwrap_or_default()
}

fn refuse_feed_forward_bias(raw: &RawConfig) -> Result<(), ConfigError> {
    match raw.mlp_bias {
        Some(true) => Err(ConfigError::unsupported("mlp_bias", true, "only SmolLM3 can have biases there")),
        _ => Ok(()),
    }
}

fn required<T>(key: &'static str, value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or(ConfigError::Absent { key })
}

fn layer_count(raw: &RawConfig) -> Result<usize, ConfigError> {
    let count = required("num_hidden_layers", raw.num_hidden_layers)?;
    size("num_hidden_layers", count, MOST_LAYERS)?;
    Ok(count)
}

/// Which layers have a window: those that `layer_types` names, else those of the architecture's rule.
fn sliding(raw: &RawConfig, count: usize, rule: impl Fn(usize) -> bool) -> Result<Vec<bool>, ConfigError> {
    let Some(types) = &raw.layer_types else { return Ok((0..count).map(rule).collect()) };
    one_for_each_layer("layer_types", types.len(), count)?;
    let is_sliding = |kind: &String| match kind.as_str() {
        "full_attention" => Ok(false),
        "sliding_attention" => Ok(true),
        other => Err(ConfigError::unsupported("layer_types", other, "full_attention and sliding_attention are")),
    };
    types.iter().map(is_sliding).collect()
}

/// The window of architectures that have a switch for it.
fn switched_window(raw: &RawConfig, is_sliding: &[bool]) -> Result<Option<usize>, ConfigError> {
    if !is_sliding.contains(&true) {
        return Ok(None);
    }
    if raw.use_sliding_window != Some(true) {
        let supported = "sliding_attention needs use_sliding_window";
        return Err(ConfigError::unsupported("layer_types", "sliding_attention without use_sliding_window", supported));
    }
    window(required("sliding_window", raw.sliding_window)?).map(Some)
}

fn window(positions: i64) -> Result<usize, ConfigError> {
    usize::try_from(positions)
        .ok()
        .filter(|_| (1..=WIDEST).contains(&positions))
        .ok_or_else(|| ConfigError::out_of_range("sliding_window", positions, format!("between 1 and {WIDEST}")))
}

/// Which layers turn queries and keys: those with a one in `no_rope_layers`, else all but every n-th.
fn turned_layers(raw: &RawConfig, count: usize) -> Result<Vec<bool>, ConfigError> {
    let Some(flags) = &raw.no_rope_layers else {
        let interval = raw.no_rope_layer_interval.unwrap_or(4);
        size("no_rope_layer_interval", interval, MOST_LAYERS)?;
        return Ok((0..count).map(|layer| (layer + 1) % interval != 0).collect());
    };
    one_for_each_layer("no_rope_layers", flags.len(), count)?;
    let is_turned = |&flag: &i64| match flag {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(ConfigError::out_of_range("no_rope_layers", other, "1 for layers with positions, 0 for others")),
    };
    flags.iter().map(is_turned).collect()
}

fn one_for_each_layer(key: &'static str, found: usize, count: usize) -> Result<(), ConfigError> {
    if found == count {
        return Ok(());
    }
    let expected = format!("one for each of the {count} layers (num_hidden_layers)");
    Err(ConfigError::out_of_range(key, format!("a list of {found}"), expected))
}

fn softcap(key: &'static str, cap: Option<f64>) -> Result<Option<f32>, ConfigError> {
    cap.map(|cap| within(key, cap, 1e-3, 1e6).map(|()| cap as f32)).transpose()
}
