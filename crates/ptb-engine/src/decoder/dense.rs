//! The forward pass over whole sequences.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{D, Tensor};

use super::activation::gated;
use super::attention::{Scoring, causal_softmax};
use super::error::DecoderError;
use super::heads::arrange_heads;
use super::linear::{Linear, LowRank};
use super::normalisation::Norm;
use super::rotation::{RotarySpeeds, Rotation};
use super::weights::{TensorMap, expect, has_bias, tensor_shapes};
use crate::config::{DecoderConfig, LayerConfig};

type Result<T, E = DecoderError> = std::result::Result<T, E>;

/// A decoder over whole sequences, differentiable in its weights.
///
/// Cloning shares the weights. All arithmetic is single precision on the CPU.
#[derive(Debug, Clone)]
pub struct Decoder {
    config: DecoderConfig,
    weights: TensorMap,
    low_rank: BTreeMap<String, LowRank>,
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

#[derive(Debug, Clone)]
struct Block {
    layer: LayerConfig,
    input_norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    attended_norm: Option<Norm>,
    inner_norm: Norm,
    gate: Linear,
    up: Linear,
    down: Linear,
    transformed_norm: Option<Norm>,
}

impl Decoder {
    /// A decoder on the weights in `tensors`, which are shared, not copied; surplus tensors are ignored.
    pub fn new(config: &DecoderConfig, tensors: &TensorMap) -> Result<Self> {
        Self::with_low_rank(config, tensors, &BTreeMap::new())
    }

    /// Like [`Decoder::new`], with low-rank updates by module name, such as `model.layers.0.self_attn.q_proj`.
    pub fn with_low_rank(
        config: &DecoderConfig,
        tensors: &TensorMap,
        low_rank: &BTreeMap<String, LowRank>,
    ) -> Result<Self> {
        let weights: TensorMap = tensor_shapes(config)
            .into_iter()
            .map(|(name, shape)| expect(tensors, &name, &shape).map(|tensor| (name, tensor)))
            .collect::<Result<_>>()?;
        let source = Source { config, tensors: &weights, low_rank };
        let head = if config.tie_word_embeddings { "model.embed_tokens" } else { "lm_head" };
        Ok(Self {
            embedding: source.tensor("model.embed_tokens.weight")?,
            blocks: (0..config.layers.len()).map(|layer| Block::new(&source, layer)).collect::<Result<_>>()?,
            norm: source.norm("model.norm")?,
            head: Linear::new(source.tensor(&format!("{head}.weight"))?, None, None),
            config: config.clone(),
            low_rank: low_rank.clone(),
            weights,
        })
    }

    /// The shape of the model.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Logits of the next token at each position: `tokens` [batch, length] of u32 to [batch, length, vocabulary].
    ///
    /// Shorter sequences are padded on the right with any valid token; what follows a position does not change it.
    pub fn logits(&self, tokens: &Tensor) -> Result<Tensor> {
        let hidden = self.hidden(tokens)?;
        let (batch, length, _) = hidden.dims3()?;
        let logits = self.project(&hidden.flatten_to(1)?)?;
        Ok(logits.reshape((batch, length, self.config.vocab_size))?)
    }

    /// The normalised states before the output projection: `tokens` [batch, length] to [batch, length, hidden].
    pub fn hidden(&self, tokens: &Tensor) -> Result<Tensor> {
        let (batch, length) = tokens.dims2()?;
        let limit = self.config.max_position_embeddings;
        if length > limit {
            return Err(DecoderError::TooLong { length, limit });
        }
        let speeds = self.config.rotations.iter().map(|rotation| RotarySpeeds::new(rotation, self.config.head_dim));
        let rotations: Vec<_> = speeds.map(|speeds| Arc::new(speeds.rotation(0..length))).collect();
        let mut x = self.embedding.index_select(&tokens.flatten_all()?, 0)?;
        if let Some(scale) = self.config.design.embedding_scale {
            x = (x * f64::from(scale))?;
        }
        for block in &self.blocks {
            x = block.forward(&x, &self.config, &rotations, (batch, length))?;
        }
        let x = self.norm.forward(&x)?;
        Ok(x.reshape((batch, length, self.config.hidden_size))?)
    }

    /// Logits for chosen states: [rows, hidden] to [rows, vocabulary].
    pub fn project(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = self.head.forward(hidden)?;
        match self.config.design.logit_softcap.map(f64::from) {
            None => Ok(logits),
            Some(cap) => Ok(((logits / cap)?.tanh()? * cap)?),
        }
    }

    /// All weights by name with the low-rank updates added in: what a checkpoint without adapters holds.
    pub fn merged_weights(&self) -> Result<TensorMap> {
        let mut tensors = self.weights.clone();
        for (module, low_rank) in &self.low_rank {
            if let Some(weight) = tensors.get_mut(&format!("{module}.weight")) {
                *weight = low_rank.merged_into(weight)?;
            }
        }
        Ok(tensors)
    }
}

impl Block {
    fn new(source: &Source<'_>, layer: usize) -> Result<Self> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let norm = |part: &str| source.norm(&name(part));
        let norm_if = |is_present: bool, part: &str| is_present.then(|| norm(part)).transpose();
        let linear = |part: &str| source.linear(layer, part);
        let design = source.config.design;
        // With normalised results the second norm of a block has another name, and its old one goes to the results.
        let inner = if design.output_norms { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
        Ok(Self {
            layer: source.config.layers[layer],
            input_norm: norm("input_layernorm")?,
            query: linear("self_attn.q_proj")?,
            key: linear("self_attn.k_proj")?,
            value: linear("self_attn.v_proj")?,
            output: linear("self_attn.o_proj")?,
            query_norm: norm_if(design.query_key_norms, "self_attn.q_norm")?,
            key_norm: norm_if(design.query_key_norms, "self_attn.k_norm")?,
            attended_norm: norm_if(design.output_norms, "post_attention_layernorm")?,
            inner_norm: norm(inner)?,
            gate: linear("mlp.gate_proj")?,
            up: linear("mlp.up_proj")?,
            down: linear("mlp.down_proj")?,
            transformed_norm: norm_if(design.output_norms, "post_feedforward_layernorm")?,
        })
    }

    /// `x` [batch * length, hidden] to the same shape.
    fn forward(
        &self,
        x: &Tensor,
        config: &DecoderConfig,
        rotations: &[Arc<Rotation>],
        size: (usize, usize),
    ) -> Result<Tensor> {
        let rotation = self.layer.rotation.map(|index| &rotations[index]);
        let attended = self.attend(&self.input_norm.forward(x)?, config, rotation, size)?;
        let x = (x + normalised(attended, self.attended_norm.as_ref())?)?;
        let inner = self.inner_norm.forward(&x)?;
        let inner = gated(&self.gate.forward(&inner)?, &self.up.forward(&inner)?, config.design.activation)?;
        Ok((&x + normalised(self.down.forward(&inner)?, self.transformed_norm.as_ref())?)?)
    }

    fn attend(
        &self,
        x: &Tensor,
        config: &DecoderConfig,
        rotation: Option<&Arc<Rotation>>,
        (batch, length): (usize, usize),
    ) -> Result<Tensor> {
        let (heads, shared, width) = (config.num_attention_heads, config.num_key_value_heads, config.head_dim);
        let query = self.query.forward(x)?.reshape((batch, length, heads * width))?;
        let key = self.key.forward(x)?.reshape((batch, length, shared * width))?;
        let value = self.value.forward(x)?.reshape((batch, length, shared, width))?.transpose(1, 2)?.contiguous()?;
        let query = arrange_heads(&query, width, self.query_norm.as_ref(), rotation)?;
        let key = arrange_heads(&key, width, self.key_norm.as_ref(), rotation)?;
        // The query heads of one key head lie one after the other: together they are one tall matrix.
        let query = query.reshape((batch, shared, config.group_size() * length, width))?;
        let scores = query.matmul(&key.transpose(D::Minus2, D::Minus1)?)?;
        let mixed = causal_softmax(&scores, Scoring::of(config, self.layer))?.matmul(&value)?;
        let mixed = mixed.reshape((batch, heads, length, width))?.transpose(1, 2)?;
        Ok(self.output.forward(&mixed.reshape((batch * length, heads * width))?)?)
    }
}

fn normalised(x: Tensor, norm: Option<&Norm>) -> Result<Tensor> {
    match norm {
        None => Ok(x),
        Some(norm) => Ok(norm.forward(&x)?),
    }
}

struct Source<'a> {
    config: &'a DecoderConfig,
    tensors: &'a TensorMap,
    low_rank: &'a BTreeMap<String, LowRank>,
}

impl Source<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.tensors.get(name).cloned().ok_or_else(|| DecoderError::MissingTensor { name: name.to_owned() })
    }

    fn norm(&self, module: &str) -> Result<Norm> {
        let stored = self.tensor(&format!("{module}.weight"))?;
        Ok(Norm::new(stored, self.config.design.norm_offset, self.config.rms_norm_eps as f32)?)
    }

    fn linear(&self, layer: usize, projection: &str) -> Result<Linear> {
        let module = format!("model.layers.{layer}.{projection}");
        let bias = has_bias(self.config, projection).then(|| self.tensor(&format!("{module}.bias"))).transpose()?;
        Ok(Linear::new(self.tensor(&format!("{module}.weight"))?, bias, self.low_rank.get(&module).cloned()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::random_weights;
    use super::*;
    use crate::config::tests::{tiny, tiny_ones};

    fn tokens(rows: &[&[u32]]) -> Tensor {
        let length = rows[0].len();
        Tensor::from_vec(rows.concat(), (rows.len(), length), &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn close(a: &Tensor, b: &Tensor, tolerance: f32) {
        for (a, b) in values(a).iter().zip(values(b)) {
            assert!((a - b).abs() <= tolerance, "{a} is not {b}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_weights_and_another_seed_others() {
        let name = "model.layers.1.mlp.up_proj.weight";
        let draw = |seed| values(&random_weights(&tiny(), seed).unwrap()[name]);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let deviation = (draw(3).iter().map(|x| x * x).sum::<f32>() / draw(3).len() as f32).sqrt();
        assert!((deviation / 0.2 - 1.0).abs() < 0.15, "{deviation}");
    }

    #[test]
    fn a_sequence_does_not_depend_on_its_padding_or_its_neighbours() {
        for config in tiny_ones() {
            let decoder = Decoder::new(&config, &random_weights(&config, 1).unwrap()).unwrap();
            let alone = decoder.logits(&tokens(&[&[3, 1, 4]])).unwrap();
            let padded = decoder.logits(&tokens(&[&[9, 2, 6, 5, 3], &[3, 1, 4, 0, 0]])).unwrap();
            close(&alone.squeeze(0).unwrap(), &padded.get(1).unwrap().narrow(0, 0, 3).unwrap(), 1e-5);
        }
    }

    /// Two blocks with a window of two positions each reach back two positions, not three.
    #[test]
    fn a_window_hides_what_lies_before_it() {
        let mut config = tiny();
        for layer in &mut config.layers {
            layer.window = Some(2);
        }
        let decoder = Decoder::new(&config, &random_weights(&config, 1).unwrap()).unwrap();
        let last = |first: u32, second: u32| {
            let logits = decoder.logits(&tokens(&[&[first, second, 4, 5]])).unwrap();
            values(&logits.get(0).unwrap().get(3).unwrap())
        };
        assert_eq!(last(1, 2), last(7, 2));
        assert_ne!(last(1, 2), last(1, 7));
    }

    #[test]
    fn a_missing_or_misshapen_tensor_is_named() {
        let mut weights = random_weights(&tiny(), 1).unwrap();
        let name = "model.layers.1.self_attn.k_norm.weight";
        weights.insert(name.to_owned(), Tensor::ones(3, candle_core::DType::F32, &Device::Cpu).unwrap());
        let error = Decoder::new(&tiny(), &weights).unwrap_err();
        assert!(matches!(&error, DecoderError::WrongShape { name: named, .. } if named == name), "{error}");
        weights.remove(name);
        let error = Decoder::new(&tiny(), &weights).unwrap_err();
        assert!(matches!(&error, DecoderError::MissingTensor { name: named } if named == name), "{error}");
    }

    #[test]
    fn a_sequence_beyond_the_last_position_is_refused() {
        let decoder = Decoder::new(&tiny(), &random_weights(&tiny(), 1).unwrap()).unwrap();
        let error = decoder.logits(&tokens(&[&[1; 65]])).unwrap_err();
        assert!(matches!(error, DecoderError::TooLong { length: 65, limit: 64 }));
    }

    #[test]
    fn a_low_rank_update_equals_the_merged_weight() {
        let weights = random_weights(&tiny(), 1).unwrap();
        let module = "model.layers.0.mlp.down_proj".to_owned();
        let (outputs, inputs) = weights[&format!("{module}.weight")].dims2().unwrap();
        let random = |shape| Tensor::randn(0.0_f32, 0.3, shape, &Device::Cpu).unwrap();
        let low_rank = LowRank { down: random((2, inputs)), up: random((outputs, 2)), scale: 0.5 };
        let adapted = Decoder::with_low_rank(&tiny(), &weights, &BTreeMap::from([(module, low_rank)])).unwrap();
        let merged = Decoder::new(&tiny(), &adapted.merged_weights().unwrap()).unwrap();
        let input = tokens(&[&[7, 8, 9, 10]]);
        close(&adapted.logits(&input).unwrap(), &merged.logits(&input).unwrap(), 1e-5);
        let plain = Decoder::new(&tiny(), &weights).unwrap().logits(&input).unwrap();
        assert_ne!(values(&plain), values(&adapted.logits(&input).unwrap()));
    }

    /// Each weight's gradient against the change of the loss when the weights move along a random direction.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let tied = DecoderConfig { tie_word_embeddings: true, ..tiny() };
        for config in tiny_ones().into_iter().chain([tiny(), tied]) {
            let weights = random_weights(&config, 5).unwrap();
            let input = tokens(&[&[3, 1, 4, 1, 5], &[9, 2, 6, 5, 3]]);
            let loss = |weights: &TensorMap| {
                let logits = Decoder::new(&config, weights).unwrap().logits(&input).unwrap();
                logits.sqr().unwrap().mean_all().unwrap()
            };
            let variables: BTreeMap<_, _> =
                weights.iter().map(|(name, tensor)| (name.clone(), Var::from_tensor(tensor).unwrap())).collect();
            let tracked = variables.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
            let gradients = loss(&tracked).backward().unwrap();
            for (name, var) in &variables {
                let gradient = gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("{name} has no gradient"));
                let norm = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
                let step = 2e-2 / norm.max(1e-3) * (gradient.elem_count() as f32).sqrt().min(1.0);
                let moved = |sign: f64| {
                    let mut moved = weights.clone();
                    let by = (gradient * (sign * f64::from(step))).unwrap();
                    moved.insert(name.clone(), (&weights[name] + by).unwrap());
                    f64::from(loss(&moved).to_scalar::<f32>().unwrap())
                };
                let measured = (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(step));
                let expected = f64::from(norm * norm);
                assert!((measured - expected).abs() <= 0.03 * expected + 1e-4, "{name}: {measured} is not {expected}");
            }
        }
    }
}
