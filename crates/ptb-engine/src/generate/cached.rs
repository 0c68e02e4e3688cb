//! The decoder with a cache of keys and values, for generation.

use candle_core::Tensor;
use rayon::prelude::*;

use super::cache::SequenceCache;
use super::matrix::PackedMatrix;
use crate::config::DecoderConfig;
use crate::decoder::{DecoderError, RotarySpeeds, Rotation, TensorMap, normalise, sigmoid, tensor_shapes};

type Result<T, E = DecoderError> = std::result::Result<T, E>;

/// A Qwen3 decoder for generation: the same function as [`crate::decoder::Decoder`], computed position by position.
///
/// Every number is bit for bit the same in whatever pieces a sequence is fed and whatever other sequences are in the
/// batch; see the `kernel` module for how.
#[derive(Debug)]
pub struct CachedDecoder {
    config: DecoderConfig,
    speeds: RotarySpeeds,
    embedding: PackedMatrix,
    blocks: Vec<PackedBlock>,
    norm: Vec<f32>,
    /// Absent in models with tied embeddings.
    head: Option<PackedMatrix>,
}

#[derive(Debug)]
struct PackedBlock {
    input_norm: Vec<f32>,
    query: PackedMatrix,
    key: PackedMatrix,
    value: PackedMatrix,
    output: PackedMatrix,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
    inner_norm: Vec<f32>,
    gate: PackedMatrix,
    up: PackedMatrix,
    down: PackedMatrix,
}

/// New tokens of one sequence.
#[derive(Debug)]
pub struct Step<'a> {
    /// What the sequence has left so far.
    pub cache: &'a mut SequenceCache,
    /// Its next tokens; at least one.
    pub tokens: &'a [u32],
}

/// Buffers of one pass, all [rows, ...].
#[derive(Default)]
struct Buffers {
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    result: Vec<f32>,
}

impl CachedDecoder {
    /// Repacks weights. Each tensor is released once it has been packed, if nobody else holds it.
    pub fn new(config: &DecoderConfig, mut tensors: TensorMap) -> Result<Self> {
        let shapes = tensor_shapes(config).into_iter().collect();
        let mut source = Source { tensors: &mut tensors, shapes };
        Ok(Self {
            config: config.clone(),
            speeds: RotarySpeeds::new(config.rope_theta, config.head_dim),
            embedding: source.matrix("model.embed_tokens")?,
            blocks: (0..config.num_hidden_layers)
                .map(|layer| PackedBlock::new(&mut source, layer))
                .collect::<Result<_>>()?,
            norm: source.vector("model.norm")?,
            head: if config.tie_word_embeddings { None } else { Some(source.matrix("lm_head")?) },
        })
    }

    /// The shape of the model.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Feeds new tokens to several sequences; returns the logits after the last token of each.
    pub fn step(&self, steps: &mut [Step<'_>]) -> Result<Vec<Vec<f32>>> {
        self.check(steps)?;
        let rotations: Vec<Rotation> = steps
            .iter()
            .map(|step| self.speeds.rotation(step.cache.length()..step.cache.length() + step.tokens.len()))
            .collect();
        let mut x = self.embed(steps);
        let mut buffers = Buffers::default();
        for (index, block) in self.blocks.iter().enumerate() {
            block.attend(&self.config, index, steps, &rotations, &mut x, &mut buffers);
            block.transform(&self.config, &mut x, &mut buffers);
        }
        for step in &mut *steps {
            step.cache.advance(step.tokens.len());
        }
        Ok(self.project_last(steps, &x))
    }

    fn check(&self, steps: &[Step<'_>]) -> Result<()> {
        for step in steps {
            let length = step.cache.length() + step.tokens.len();
            let limit = self.config.max_position_embeddings.min(step.cache.capacity());
            if length > limit {
                return Err(DecoderError::TooLong { length, limit });
            }
            if let Some(&token) = step.tokens.iter().find(|&&token| token as usize >= self.config.vocab_size) {
                return Err(DecoderError::UnknownToken { token, vocab_size: self.config.vocab_size });
            }
        }
        Ok(())
    }

    fn embed(&self, steps: &[Step<'_>]) -> Vec<f32> {
        let tokens: Vec<u32> = steps.iter().flat_map(|step| step.tokens).copied().collect();
        let mut x = vec![0.0; tokens.len() * self.config.hidden_size];
        for (token, row) in tokens.iter().zip(x.chunks_exact_mut(self.config.hidden_size)) {
            self.embedding.copy_row(*token as usize, row);
        }
        x
    }

    fn project_last(&self, steps: &[Step<'_>], x: &[f32]) -> Vec<Vec<f32>> {
        let hidden = self.config.hidden_size;
        let mut last = vec![0.0; steps.len() * hidden];
        let mut end = 0;
        for (step, row) in steps.iter().zip(last.chunks_exact_mut(hidden)) {
            end += step.tokens.len();
            normalise(&x[(end - 1) * hidden..][..hidden], &self.norm, self.config.rms_norm_eps as f32, row);
        }
        let mut logits = Vec::new();
        self.head.as_ref().unwrap_or(&self.embedding).multiply(&last, &mut logits);
        logits.chunks_exact(self.config.vocab_size).map(<[f32]>::to_vec).collect()
    }
}

impl PackedBlock {
    fn new(source: &mut Source<'_>, layer: usize) -> Result<Self> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        Ok(Self {
            input_norm: source.vector(&name("input_layernorm"))?,
            query: source.matrix(&name("self_attn.q_proj"))?,
            key: source.matrix(&name("self_attn.k_proj"))?,
            value: source.matrix(&name("self_attn.v_proj"))?,
            output: source.matrix(&name("self_attn.o_proj"))?,
            query_norm: source.vector(&name("self_attn.q_norm"))?,
            key_norm: source.vector(&name("self_attn.k_norm"))?,
            inner_norm: source.vector(&name("post_attention_layernorm"))?,
            gate: source.matrix(&name("mlp.gate_proj"))?,
            up: source.matrix(&name("mlp.up_proj"))?,
            down: source.matrix(&name("mlp.down_proj"))?,
        })
    }

    /// Adds the attention part to `x` and the new keys and values to the caches.
    fn attend(
        &self,
        config: &DecoderConfig,
        block: usize,
        steps: &mut [Step<'_>],
        rotations: &[Rotation],
        x: &mut [f32],
        buffers: &mut Buffers,
    ) {
        let eps = config.rms_norm_eps as f32;
        normalise_rows(x, &self.input_norm, eps, &mut buffers.normed);
        self.query.multiply(&buffers.normed, &mut buffers.query);
        self.key.multiply(&buffers.normed, &mut buffers.key);
        self.value.multiply(&buffers.normed, &mut buffers.value);
        buffers.mixed.clear();
        buffers.mixed.resize(buffers.query.len(), 0.0);
        let mut work = split(config, steps, rotations, buffers);
        let visible: usize = work.iter().map(|work| work.step.tokens.len() * work.step.cache.length()).sum();
        // A position costs as many multiplications as two rows of queries and values.
        if visible * config.query_size() > 1 << 18 {
            work.par_iter_mut().for_each(|work| self.attend_sequence(config, block, work));
        } else {
            for work in &mut work {
                self.attend_sequence(config, block, work);
            }
        }
        self.output.multiply(&buffers.mixed, &mut buffers.result);
        add(x, &buffers.result);
    }

    fn attend_sequence(&self, config: &DecoderConfig, block: usize, work: &mut SequenceWork<'_, '_>) {
        let eps = config.rms_norm_eps as f32;
        turn_heads(work.query, &self.query_norm, config.query_size(), work.rotation, eps);
        turn_heads(work.key, &self.key_norm, config.key_value_size(), work.rotation, eps);
        work.step.cache.append(block, work.key, work.value);
        work.step.cache.attend(block, config.group_size(), work.query, work.mixed);
    }

    /// Adds the feed-forward part to `x`.
    fn transform(&self, config: &DecoderConfig, x: &mut [f32], buffers: &mut Buffers) {
        normalise_rows(x, &self.inner_norm, config.rms_norm_eps as f32, &mut buffers.normed);
        self.gate.multiply(&buffers.normed, &mut buffers.gate);
        self.up.multiply(&buffers.normed, &mut buffers.up);
        for (gate, up) in buffers.gate.iter_mut().zip(&buffers.up) {
            *gate = *gate * sigmoid(*gate) * up;
        }
        self.down.multiply(&buffers.gate, &mut buffers.result);
        add(x, &buffers.result);
    }
}

/// The rows of one sequence in the buffers of a pass.
struct SequenceWork<'a, 'b> {
    step: &'a mut Step<'b>,
    rotation: &'a Rotation,
    query: &'a mut [f32],
    key: &'a mut [f32],
    value: &'a [f32],
    mixed: &'a mut [f32],
}

fn split<'a, 'b>(
    config: &DecoderConfig,
    steps: &'a mut [Step<'b>],
    rotations: &'a [Rotation],
    buffers: &'a mut Buffers,
) -> Vec<SequenceWork<'a, 'b>> {
    let (mut query, mut key) = (&mut buffers.query[..], &mut buffers.key[..]);
    let (mut value, mut mixed) = (&buffers.value[..], &mut buffers.mixed[..]);
    let mut work = Vec::with_capacity(steps.len());
    for (step, rotation) in steps.iter_mut().zip(rotations) {
        let queries = step.tokens.len() * config.query_size();
        let keys = step.tokens.len() * config.key_value_size();
        let (this_query, rest_query) = query.split_at_mut(queries);
        let (this_key, rest_key) = key.split_at_mut(keys);
        let (this_value, rest_value) = value.split_at(keys);
        let (this_mixed, rest_mixed) = mixed.split_at_mut(queries);
        (query, key, value, mixed) = (rest_query, rest_key, rest_value, rest_mixed);
        work.push(SequenceWork {
            step,
            rotation,
            query: this_query,
            key: this_key,
            value: this_value,
            mixed: this_mixed,
        });
    }
    work
}

fn turn_heads(rows: &mut [f32], norm: &[f32], size: usize, rotation: &Rotation, eps: f32) {
    let mut normed = vec![0.0; norm.len()];
    for (index, row) in rows.chunks_exact_mut(size).enumerate() {
        for head in row.chunks_exact_mut(norm.len()) {
            normalise(head, norm, eps, &mut normed);
            rotation.turn(&mut normed, index);
            head.copy_from_slice(&normed);
        }
    }
}

fn normalise_rows(x: &[f32], weight: &[f32], eps: f32, out: &mut Vec<f32>) {
    out.clear();
    out.resize(x.len(), 0.0);
    for (row, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        normalise(row, weight, eps, out);
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// Takes checked tensors out of a map.
struct Source<'a> {
    tensors: &'a mut TensorMap,
    shapes: std::collections::BTreeMap<String, Vec<usize>>,
}

impl Source<'_> {
    fn take(&mut self, module: &str) -> Result<Tensor> {
        let name = format!("{module}.weight");
        let Some(tensor) = self.tensors.remove(&name) else { return Err(DecoderError::MissingTensor { name }) };
        match self.shapes.get(&name) {
            Some(expected) if tensor.dims() != expected => {
                Err(DecoderError::WrongShape { name, found: tensor.dims().to_vec(), expected: expected.clone() })
            }
            _ => Ok(tensor),
        }
    }

    fn vector(&mut self, module: &str) -> Result<Vec<f32>> {
        Ok(self.take(module)?.to_vec1()?)
    }

    fn matrix(&mut self, module: &str) -> Result<PackedMatrix> {
        let tensor = self.take(module)?;
        let inputs = tensor.dim(1)?;
        Ok(PackedMatrix::new(&tensor.flatten_all()?.to_vec1::<f32>()?, inputs))
    }
}
