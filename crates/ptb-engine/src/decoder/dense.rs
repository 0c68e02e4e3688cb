//! The forward pass over whole sequences.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{D, Tensor};

use super::activation::swiglu;
use super::attention::causal_softmax;
use super::error::DecoderError;
use super::linear::{Linear, LowRank};
use super::normalisation::{normalise_heads, rms_norm};
use super::rotation::{RotarySpeeds, Rotation};
use super::weights::{TensorMap, expect, tensor_shapes};
use crate::config::DecoderConfig;

type Result<T, E = DecoderError> = std::result::Result<T, E>;

/// A Qwen3 decoder over whole sequences, differentiable in its weights.
///
/// Cloning shares the weights. All arithmetic is single precision on the CPU.
#[derive(Debug, Clone)]
pub struct Decoder {
    config: DecoderConfig,
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: Tensor,
    head: Linear,
}

#[derive(Debug, Clone)]
struct Block {
    input_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Tensor,
    key_norm: Tensor,
    inner_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
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
        let checked: TensorMap = tensor_shapes(config)
            .into_iter()
            .map(|(name, shape)| expect(tensors, &name, &shape).map(|tensor| (name, tensor)))
            .collect::<Result<_>>()?;
        let source = Source { tensors: &checked, low_rank };
        let head = if config.tie_word_embeddings { "model.embed_tokens" } else { "lm_head" };
        Ok(Self {
            config: config.clone(),
            embedding: source.tensor("model.embed_tokens")?,
            blocks: (0..config.num_hidden_layers).map(|layer| Block::new(&source, layer)).collect::<Result<_>>()?,
            norm: source.tensor("model.norm")?,
            head: Linear::new(source.tensor(head)?, None),
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
        let rotation = Arc::new(RotarySpeeds::new(self.config.rope_theta, self.config.head_dim).rotation(0..length));
        let mut x = self.embedding.index_select(&tokens.flatten_all()?, 0)?;
        for block in &self.blocks {
            x = block.forward(&x, &self.config, &rotation, (batch, length))?;
        }
        let x = rms_norm(&x, &self.norm, self.config.rms_norm_eps as f32)?;
        Ok(x.reshape((batch, length, self.config.hidden_size))?)
    }

    /// Logits for chosen states: [rows, hidden] to [rows, vocabulary].
    pub fn project(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.head.forward(hidden)?)
    }

    /// All weights by name with the low-rank updates added in: what a checkpoint without adapters holds.
    pub fn merged_weights(&self) -> Result<TensorMap> {
        let mut tensors = TensorMap::new();
        tensors.insert("model.embed_tokens.weight".to_owned(), self.embedding.clone());
        tensors.insert("model.norm.weight".to_owned(), self.norm.clone());
        if !self.config.tie_word_embeddings {
            tensors.insert("lm_head.weight".to_owned(), self.head.merged()?);
        }
        for (layer, block) in self.blocks.iter().enumerate() {
            for (name, tensor) in block.merged_weights()? {
                tensors.insert(format!("model.layers.{layer}.{name}.weight"), tensor);
            }
        }
        Ok(tensors)
    }
}

impl Block {
    fn new(source: &Source<'_>, layer: usize) -> Result<Self> {
        let tensor = |name: &str| source.tensor(&format!("model.layers.{layer}.{name}"));
        let linear = |name: &str| source.linear(&format!("model.layers.{layer}.{name}"));
        Ok(Self {
            input_norm: tensor("input_layernorm")?,
            query: linear("self_attn.q_proj")?,
            key: linear("self_attn.k_proj")?,
            value: linear("self_attn.v_proj")?,
            output: linear("self_attn.o_proj")?,
            query_norm: tensor("self_attn.q_norm")?,
            key_norm: tensor("self_attn.k_norm")?,
            inner_norm: tensor("post_attention_layernorm")?,
            gate: linear("mlp.gate_proj")?,
            up: linear("mlp.up_proj")?,
            down: linear("mlp.down_proj")?,
        })
    }

    /// `x` [batch * length, hidden] to the same shape.
    fn forward(
        &self,
        x: &Tensor,
        config: &DecoderConfig,
        rotation: &Arc<Rotation>,
        size: (usize, usize),
    ) -> Result<Tensor> {
        let eps = config.rms_norm_eps as f32;
        let x = (x + self.attend(&rms_norm(x, &self.input_norm, eps)?, config, rotation, size)?)?;
        let inner = rms_norm(&x, &self.inner_norm, eps)?;
        let inner = swiglu(&self.gate.forward(&inner)?, &self.up.forward(&inner)?)?;
        Ok((x + self.down.forward(&inner)?)?)
    }

    fn attend(
        &self,
        x: &Tensor,
        config: &DecoderConfig,
        rotation: &Arc<Rotation>,
        (batch, length): (usize, usize),
    ) -> Result<Tensor> {
        let (heads, shared, width) = (config.num_attention_heads, config.num_key_value_heads, config.head_dim);
        let eps = config.rms_norm_eps as f32;
        let query = self.query.forward(x)?.reshape((batch, length, heads * width))?;
        let key = self.key.forward(x)?.reshape((batch, length, shared * width))?;
        let value = self.value.forward(x)?.reshape((batch, length, shared, width))?.transpose(1, 2)?.contiguous()?;
        let query = normalise_heads(&query, &self.query_norm, rotation, eps)?;
        let key = normalise_heads(&key, &self.key_norm, rotation, eps)?;
        // The query heads of one key head lie one after the other: together they are one tall matrix.
        let query = query.reshape((batch, shared, config.group_size() * length, width))?;
        let scores = query.matmul(&key.transpose(D::Minus2, D::Minus1)?)?;
        let mixed = causal_softmax(&scores, 1.0 / (width as f32).sqrt())?.matmul(&value)?;
        let mixed = mixed.reshape((batch, heads, length, width))?.transpose(1, 2)?;
        Ok(self.output.forward(&mixed.reshape((batch * length, heads * width))?)?)
    }

    fn merged_weights(&self) -> Result<[(&'static str, Tensor); 11]> {
        Ok([
            ("input_layernorm", self.input_norm.clone()),
            ("self_attn.q_proj", self.query.merged()?),
            ("self_attn.k_proj", self.key.merged()?),
            ("self_attn.v_proj", self.value.merged()?),
            ("self_attn.o_proj", self.output.merged()?),
            ("self_attn.q_norm", self.query_norm.clone()),
            ("self_attn.k_norm", self.key_norm.clone()),
            ("post_attention_layernorm", self.inner_norm.clone()),
            ("mlp.gate_proj", self.gate.merged()?),
            ("mlp.up_proj", self.up.merged()?),
            ("mlp.down_proj", self.down.merged()?),
        ])
    }
}

struct Source<'a> {
    tensors: &'a TensorMap,
    low_rank: &'a BTreeMap<String, LowRank>,
}

impl Source<'_> {
    fn tensor(&self, module: &str) -> Result<Tensor> {
        let name = format!("{module}.weight");
        self.tensors.get(&name).cloned().ok_or(DecoderError::MissingTensor { name })
    }

    fn linear(&self, module: &str) -> Result<Linear> {
        Ok(Linear::new(self.tensor(module)?, self.low_rank.get(module).cloned()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::random_weights;
    use super::*;
    use crate::config::tests::tiny;

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
        let decoder = Decoder::new(&tiny(), &random_weights(&tiny(), 1).unwrap()).unwrap();
        let alone = decoder.logits(&tokens(&[&[3, 1, 4]])).unwrap();
        let padded = decoder.logits(&tokens(&[&[9, 2, 6, 5, 3], &[3, 1, 4, 0, 0]])).unwrap();
        close(&alone.squeeze(0).unwrap(), &padded.get(1).unwrap().narrow(0, 0, 3).unwrap(), 1e-5);
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
        for tied in [false, true] {
            let config = DecoderConfig { tie_word_embeddings: tied, ..tiny() };
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
