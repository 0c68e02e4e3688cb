//! Names, shapes and first values of a decoder's weights.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::error::DecoderError;
use crate::config::DecoderConfig;

/// Weights by their Hugging Face names.
pub type TensorMap = BTreeMap<String, Tensor>;

/// The projections of block N are `model.layers.N.` followed by one of these and `.weight`.
pub const PROJECTIONS: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// Name and shape of every tensor of a model, in a fixed order. Tied models have no `lm_head.weight`.
pub fn tensor_shapes(config: &DecoderConfig) -> Vec<(String, Vec<usize>)> {
    let hidden = config.hidden_size;
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![config.vocab_size, hidden])];
    let block = block_shapes(config);
    for layer in 0..config.layers.len() {
        shapes.extend(block.iter().map(|(name, shape)| (format!("model.layers.{layer}.{name}"), shape.clone())));
    }
    shapes.push(("model.norm.weight".to_owned(), vec![hidden]));
    if !config.tie_word_embeddings {
        shapes.push(("lm_head.weight".to_owned(), vec![config.vocab_size, hidden]));
    }
    shapes
}

/// Name and shape of every tensor of a block.
fn block_shapes(config: &DecoderConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, head, design) = (config.hidden_size, config.head_dim, config.design);
    let mut shapes = vec![("input_layernorm.weight".to_owned(), vec![hidden])];
    for projection in PROJECTIONS {
        let shape = projection_shape(config, projection);
        shapes.push((format!("{projection}.weight"), shape.to_vec()));
        if has_bias(config, projection) {
            shapes.push((format!("{projection}.bias"), vec![shape[0]]));
        }
    }
    let norms = [
        ("self_attn.q_norm", head, design.query_key_norms),
        ("self_attn.k_norm", head, design.query_key_norms),
        ("post_attention_layernorm", hidden, true),
        ("pre_feedforward_layernorm", hidden, design.output_norms),
        ("post_feedforward_layernorm", hidden, design.output_norms),
    ];
    let present = norms.into_iter().filter(|(.., is_present)| *is_present);
    shapes.extend(present.map(|(name, width, _)| (format!("{name}.weight"), vec![width])));
    shapes
}

/// Whether a projection of a block has a bias.
pub(crate) fn has_bias(config: &DecoderConfig, projection: &str) -> bool {
    if projection.starts_with("mlp.") { config.design.feed_forward_bias } else { config.design.attention_bias }
}

/// Outputs and inputs of a projection of a block.
pub(crate) fn projection_shape(config: &DecoderConfig, projection: &str) -> [usize; 2] {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    match projection {
        "self_attn.q_proj" => [config.query_size(), hidden],
        "self_attn.o_proj" => [hidden, config.query_size()],
        "mlp.gate_proj" | "mlp.up_proj" => [inner, hidden],
        "mlp.down_proj" => [hidden, inner],
        _ => [config.key_value_size(), hidden],
    }
}

/// Fresh weights: normal with the configuration's standard deviation, zero biases, and normalisations that multiply with
/// one. The same seed gives the same weights.
pub fn random_weights(config: &DecoderConfig, seed: u64) -> Result<TensorMap, DecoderError> {
    let shapes = tensor_shapes(config).into_iter().enumerate();
    shapes
        .map(|(index, (name, shape))| {
            let count = shape.iter().product();
            // What is not a matrix is the weight of a normalisation or a bias.
            let values = if name.contains("norm") {
                vec![1.0 - config.design.norm_offset; count]
            } else if shape.len() == 1 {
                vec![0.0; count]
            } else {
                normal_values(seed, index as u64, count, config.initializer_range)
            };
            Ok((name, Tensor::from_vec(values, shape, &Device::Cpu)?))
        })
        .collect()
}

/// Normal deviates by the method of Box and Muller; each tensor has a stream of random numbers of its own.
fn normal_values(seed: u64, stream: u64, count: usize, deviation: f64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    // 53 random bits and one half: never 0, where the logarithm ends.
    let mut uniform = || ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = deviation * (-2.0 * uniform().ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * uniform()).sin_cos();
        values.extend([(radius * cos) as f32, (radius * sin) as f32]);
    }
    values.truncate(count);
    values
}

/// Takes a tensor of the expected shape out of a map.
pub(crate) fn expect(tensors: &TensorMap, name: &str, shape: &[usize]) -> Result<Tensor, DecoderError> {
    let tensor = tensors.get(name).ok_or_else(|| DecoderError::MissingTensor { name: name.to_owned() })?;
    if tensor.dims() == shape {
        return Ok(tensor.clone());
    }
    let (found, expected) = (tensor.dims().to_vec(), shape.to_vec());
    Err(DecoderError::WrongShape { name: name.to_owned(), found, expected })
}
