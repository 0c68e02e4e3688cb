//! The weights of a block, packed for the kernel.

use candle_core::{DType, Tensor};

use super::cached::add;
use super::matrix::PackedMatrix;
use crate::config::{DecoderConfig, LayerConfig};
use crate::decoder::{DecoderError, has_bias, projection_shape};

/// The weights of one block.
#[derive(Debug)]
pub(super) struct PackedBlock {
    pub(super) layer: LayerConfig,
    pub(super) input_norm: Vec<f32>,
    pub(super) query: Projection,
    pub(super) key: Projection,
    pub(super) value: Projection,
    pub(super) output: Projection,
    pub(super) query_norm: Option<Vec<f32>>,
    pub(super) key_norm: Option<Vec<f32>>,
    pub(super) attended_norm: Option<Vec<f32>>,
    pub(super) inner_norm: Vec<f32>,
    pub(super) gate: Projection,
    pub(super) up: Projection,
    pub(super) down: Projection,
    pub(super) transformed_norm: Option<Vec<f32>>,
}

/// A matrix and perhaps a bias.
#[derive(Debug)]
pub(super) struct Projection {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl Projection {
    /// Projects each row of `inputs` [rows, inputs] into `outputs` [rows, outputs].
    pub(super) fn multiply(&self, inputs: &[f32], outputs: &mut Vec<f32>) {
        self.weight.multiply(inputs, outputs);
        if let Some(bias) = &self.bias {
            for row in outputs.chunks_exact_mut(bias.len()) {
                add(row, bias);
            }
        }
    }
}

impl PackedBlock {
    pub(super) fn new<E: From<DecoderError>>(source: &mut PackedSource<'_, E>, layer: usize) -> Result<Self, E> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let config = source.config;
        let (hidden, head, design) = (config.hidden_size, config.head_dim, config.design);
        // With normalised results the second norm of a block has another name, and its old one goes to the results.
        let inner = if design.output_norms { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
        Ok(Self {
            layer: config.layers[layer],
            input_norm: source.norm(&name("input_layernorm"), hidden)?,
            query: source.projection(layer, "self_attn.q_proj")?,
            key: source.projection(layer, "self_attn.k_proj")?,
            value: source.projection(layer, "self_attn.v_proj")?,
            output: source.projection(layer, "self_attn.o_proj")?,
            query_norm: source.norm_if(design.query_key_norms, &name("self_attn.q_norm"), head)?,
            key_norm: source.norm_if(design.query_key_norms, &name("self_attn.k_norm"), head)?,
            attended_norm: source.norm_if(design.output_norms, &name("post_attention_layernorm"), hidden)?,
            inner_norm: source.norm(&name(inner), hidden)?,
            gate: source.projection(layer, "mlp.gate_proj")?,
            up: source.projection(layer, "mlp.up_proj")?,
            down: source.projection(layer, "mlp.down_proj")?,
            transformed_norm: source.norm_if(design.output_norms, &name("post_feedforward_layernorm"), hidden)?,
        })
    }
}

/// Gives the tensor of a name and shape.
pub(super) type Take<'a, E> = dyn FnMut(&str, &[usize]) -> Result<Tensor, E> + 'a;

/// Asks for tensors and packs them.
pub(super) struct PackedSource<'a, E> {
    pub(super) config: &'a DecoderConfig,
    pub(super) take: &'a mut Take<'a, E>,
}

impl<E: From<DecoderError>> PackedSource<'_, E> {
    pub(super) fn matrix(&mut self, module: &str, shape: [usize; 2]) -> Result<PackedMatrix, E> {
        let tensor = (self.take)(&format!("{module}.weight"), &shape)?;
        Ok(PackedMatrix::new(&tensor).map_err(DecoderError::from)?)
    }

    /// The weights of a normalisation with the architecture's offset.
    pub(super) fn norm(&mut self, module: &str, width: usize) -> Result<Vec<f32>, E> {
        let stored = self.vector(&format!("{module}.weight"), width)?;
        Ok(stored.into_iter().map(|weight| weight + self.config.design.norm_offset).collect())
    }

    fn norm_if(&mut self, is_present: bool, module: &str, width: usize) -> Result<Option<Vec<f32>>, E> {
        is_present.then(|| self.norm(module, width)).transpose()
    }

    fn projection(&mut self, layer: usize, projection: &str) -> Result<Projection, E> {
        let module = format!("model.layers.{layer}.{projection}");
        let shape = projection_shape(self.config, projection);
        let weight = self.matrix(&module, shape)?;
        let is_biased = has_bias(self.config, projection);
        let bias = is_biased.then(|| self.vector(&format!("{module}.bias"), shape[0])).transpose()?;
        Ok(Projection { weight, bias })
    }

    fn vector(&mut self, name: &str, width: usize) -> Result<Vec<f32>, E> {
        let tensor = (self.take)(name, &[width])?;
        Ok(tensor.to_dtype(DType::F32).and_then(|tensor| tensor.to_vec1()).map_err(DecoderError::from)?)
    }
}
