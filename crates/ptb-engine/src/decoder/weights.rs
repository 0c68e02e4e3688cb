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
    let (hidden, head) = (config.hidden_size, config.head_dim);
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![config.vocab_size, hidden])];
    for layer in 0..config.num_hidden_layers {
        let mut add =
            |name: &str, shape: Vec<usize>| shapes.push((format!("model.layers.{layer}.{name}.weight"), shape));
        add("input_layernorm", vec![hidden]);
        for projection in PROJECTIONS {
            add(projection, projection_shape(config, projection).to_vec());
        }
        add("self_attn.q_norm", vec![head]);
        add("self_attn.k_norm", vec![head]);
        add("post_attention_layernorm", vec![hidden]);
    }
    shapes.push(("model.norm.weight".to_owned(), vec![hidden]));
    if !config.tie_word_embeddings {
        shapes.push(("lm_head.weight".to_owned(), vec![config.vocab_size, hidden]));
    }
    shapes
}

fn projection_shape(config: &DecoderConfig, projection: &str) -> [usize; 2] {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    match projection {
        "self_attn.q_proj" => [config.query_size(), hidden],
        "self_attn.o_proj" => [hidden, config.query_size()],
        "mlp.gate_proj" | "mlp.up_proj" => [inner, hidden],
        "mlp.down_proj" => [hidden, inner],
        _ => [config.key_value_size(), hidden],
    }
}

/// Fresh weights: normal with the configuration's standard deviation, ones in normalisations. The same seed gives the
/// same weights.
pub fn random_weights(config: &DecoderConfig, seed: u64) -> Result<TensorMap, DecoderError> {
    let shapes = tensor_shapes(config).into_iter().enumerate();
    shapes
        .map(|(index, (name, shape))| {
            let count = shape.iter().product();
            let values = if name.contains("norm") {
                vec![1.0; count]
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
pub(super) fn expect(tensors: &TensorMap, name: &str, shape: &[usize]) -> Result<Tensor, DecoderError> {
    let tensor = tensors.get(name).ok_or_else(|| DecoderError::MissingTensor { name: name.to_owned() })?;
    if tensor.dims() == shape {
        return Ok(tensor.clone());
    }
    let (found, expected) = (tensor.dims().to_vec(), shape.to_vec());
    Err(DecoderError::WrongShape { name: name.to_owned(), found, expected })
}
