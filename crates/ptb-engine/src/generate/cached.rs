//! The decoder with a cache of keys and values, for generation.

use candle_core::Tensor;
use rayon::prelude::*;

use super::cache::{NewRows, SequenceCache};
use super::matrix::PackedMatrix;
use super::model::ModelError;
use super::packed::{PackedBlock, PackedSource};
use crate::checkpoint::Checkpoint;
use crate::config::DecoderConfig;
use crate::decoder::{
    DecoderError, RotarySpeeds, Rotation, Scoring, TensorMap, expect, gate_in_place, normalise, soft_cap,
};

type Result<T, E = DecoderError> = std::result::Result<T, E>;

/// A decoder for generation: the same function as [`crate::decoder::Decoder`], computed position by position.
///
/// Every number is bit for bit the same in whatever pieces a sequence is fed and whatever other sequences are in the
/// batch; see the `kernel` module for how.
#[derive(Debug)]
pub struct CachedDecoder {
    config: DecoderConfig,
    speeds: Vec<RotarySpeeds>,
    embedding: PackedMatrix,
    blocks: Vec<PackedBlock>,
    norm: Vec<f32>,
    /// Absent in models with tied embeddings.
    head: Option<PackedMatrix>,
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
        Self::build(config, |name, shape| {
            let tensor = expect(&tensors, name, shape)?;
            tensors.remove(name);
            Ok(tensor)
        })
    }

    /// Packs the weights of a checkpoint in the types in which they are stored.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self, ModelError> {
        Self::build(checkpoint.config(), |name, shape| Ok(checkpoint.tensor(name, shape)?))
    }

    /// Packs the tensors that `take` gives for names and shapes, one after the other, in the types that they have: F32,
    /// F16 or BF16.
    fn build<E: From<DecoderError>>(
        config: &DecoderConfig,
        mut take: impl FnMut(&str, &[usize]) -> Result<Tensor, E>,
    ) -> Result<Self, E> {
        let mut source = PackedSource { config, take: &mut take };
        let speeds = config.rotations.iter().map(|rotation| RotarySpeeds::new(rotation, config.head_dim));
        Ok(Self {
            config: config.clone(),
            speeds: speeds.collect(),
            embedding: source.matrix("model.embed_tokens", [config.vocab_size, config.hidden_size])?,
            blocks: (0..config.layers.len())
                .map(|layer| PackedBlock::new(&mut source, layer))
                .collect::<Result<_, E>>()?,
            norm: source.norm("model.norm", config.hidden_size)?,
            head: if config.tie_word_embeddings {
                None
            } else {
                Some(source.matrix("lm_head", [config.vocab_size, config.hidden_size])?)
            },
        })
    }

    /// The shape of the model.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Feeds new tokens to several sequences; returns the logits after the last token of each.
    pub fn step(&self, steps: &mut [Step<'_>]) -> Result<Vec<Vec<f32>>> {
        self.check(steps)?;
        let rotations: Vec<Vec<Rotation>> = steps
            .iter()
            .map(|step| {
                let positions = step.cache.length()..step.cache.length() + step.tokens.len();
                self.speeds.iter().map(|speeds| speeds.rotation(positions.clone())).collect()
            })
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
            if let Some(scale) = self.config.design.embedding_scale {
                for value in row {
                    *value *= scale;
                }
            }
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
        if let Some(cap) = self.config.design.logit_softcap {
            soft_cap(&mut logits, 1.0, cap);
        }
        logits.chunks_exact(self.config.vocab_size).map(<[f32]>::to_vec).collect()
    }
}

impl PackedBlock {
    /// Adds the attention part to `x` and the new keys and values to the caches.
    fn attend(
        &self,
        config: &DecoderConfig,
        block: usize,
        steps: &mut [Step<'_>],
        rotations: &[Vec<Rotation>],
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
        add_result(x, self.attended_norm.as_deref(), eps, buffers);
    }

    fn attend_sequence(&self, config: &DecoderConfig, block: usize, work: &mut SequenceWork<'_, '_>) {
        let eps = config.rms_norm_eps as f32;
        let rotation = self.layer.rotation.map(|index| &work.rotations[index]);
        for (rows, norm, size) in [
            (&mut *work.query, &self.query_norm, config.query_size()),
            (&mut *work.key, &self.key_norm, config.key_value_size()),
        ] {
            for (index, row) in rows.chunks_exact_mut(size).enumerate() {
                prepare_heads(row, config.head_dim, norm.as_deref(), eps, rotation.map(|rotation| (rotation, index)));
            }
        }
        let rows = NewRows { queries: work.query, keys: work.key, values: work.value };
        work.step.cache.attend(block, Scoring::of(config, self.layer), &rows, work.mixed);
    }

    /// Adds the feed-forward part to `x`.
    fn transform(&self, config: &DecoderConfig, x: &mut [f32], buffers: &mut Buffers) {
        let eps = config.rms_norm_eps as f32;
        normalise_rows(x, &self.inner_norm, eps, &mut buffers.normed);
        self.gate.multiply(&buffers.normed, &mut buffers.gate);
        self.up.multiply(&buffers.normed, &mut buffers.up);
        gate_in_place(&mut buffers.gate, &buffers.up, config.design.activation);
        self.down.multiply(&buffers.gate, &mut buffers.result);
        add_result(x, self.transformed_norm.as_deref(), eps, buffers);
    }
}

/// The rows of one sequence in the buffers of a pass.
struct SequenceWork<'a, 'b> {
    step: &'a mut Step<'b>,
    /// One for each rotary embedding of the model.
    rotations: &'a [Rotation],
    query: &'a mut [f32],
    key: &'a mut [f32],
    value: &'a [f32],
    mixed: &'a mut [f32],
}

fn split<'a, 'b>(
    config: &DecoderConfig,
    steps: &'a mut [Step<'b>],
    rotations: &'a [Vec<Rotation>],
    buffers: &'a mut Buffers,
) -> Vec<SequenceWork<'a, 'b>> {
    let (mut query, mut key) = (&mut buffers.query[..], &mut buffers.key[..]);
    let (mut value, mut mixed) = (&buffers.value[..], &mut buffers.mixed[..]);
    let mut work = Vec::with_capacity(steps.len());
    for (step, rotations) in steps.iter_mut().zip(rotations) {
        let queries = step.tokens.len() * config.query_size();
        let keys = step.tokens.len() * config.key_value_size();
        let (this_query, rest_query) = query.split_at_mut(queries);
        let (this_key, rest_key) = key.split_at_mut(keys);
        let (this_value, rest_value) = value.split_at(keys);
        let (this_mixed, rest_mixed) = mixed.split_at_mut(queries);
        (query, key, value, mixed) = (rest_query, rest_key, rest_value, rest_mixed);
        work.push(SequenceWork {
            step,
            rotations,
            query: this_query,
            key: this_key,
            value: this_value,
            mixed: this_mixed,
        });
    }
    work
}

/// Normalises and turns the heads of one row, as far as the block does either.
fn prepare_heads(row: &mut [f32], width: usize, norm: Option<&[f32]>, eps: f32, rotation: Option<(&Rotation, usize)>) {
    let mut normed = norm.map(|norm| vec![0.0; norm.len()]).unwrap_or_default();
    for head in row.chunks_exact_mut(width) {
        if let Some(norm) = norm {
            normalise(head, norm, eps, &mut normed);
            head.copy_from_slice(&normed);
        }
        if let Some((rotation, index)) = rotation {
            rotation.turn(head, index);
        }
    }
}

/// Adds the result of a part of a block to `x`, normalised where the architecture does that.
fn add_result(x: &mut [f32], norm: Option<&[f32]>, eps: f32, buffers: &mut Buffers) {
    let Some(norm) = norm else { return add(x, &buffers.result) };
    normalise_rows(&buffers.result, norm, eps, &mut buffers.normed);
    add(x, &buffers.normed);
}

fn normalise_rows(x: &[f32], weight: &[f32], eps: f32, out: &mut Vec<f32>) {
    out.clear();
    out.resize(x.len(), 0.0);
    for (row, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        normalise(row, weight, eps, out);
    }
}

pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
