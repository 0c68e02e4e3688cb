//! Softmax over the positions that a query may see, with its gradient.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::exponential::exp;
use super::normalisation::sum_of_products;
use super::storage::{slice, with_values};
use crate::config::{DecoderConfig, LayerConfig};

/// From scores to the weights of the positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scoring {
    /// Factor of the scores.
    pub(crate) scale: f32,
    /// Scaled scores s become c tanh(s / c).
    pub(crate) softcap: Option<f32>,
    /// A query sees this many positions, its own being the last; all earlier ones if absent.
    pub(crate) window: Option<usize>,
}

impl Scoring {
    /// The scoring of one block.
    pub(crate) fn of(config: &DecoderConfig, layer: LayerConfig) -> Self {
        let design = config.design;
        Self { scale: design.attention_scale, softcap: design.attention_softcap, window: layer.window }
    }

    /// The first position that the query at `position` sees.
    pub(crate) fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }

    /// Softmax of the scores of the positions that are seen, in place.
    pub(crate) fn weigh(&self, row: &mut [f32]) {
        let Some(cap) = self.softcap else { return softmax(row, self.scale) };
        soft_cap(row, self.scale, cap);
        softmax(row, 1.0);
    }
}

/// Replaces each x by c tanh(factor * x / c).
pub(crate) fn soft_cap(values: &mut [f32], factor: f32, cap: f32) {
    for value in values {
        *value = cap * (*value * factor / cap).tanh();
    }
}

/// The weight of each key for each query; zero for keys that a query does not see.
///
/// `scores` is [batch, key heads, group * length, length]: the query heads that share a key head stand one after the
/// other, so that row r belongs to position r modulo length.
pub(super) fn causal_softmax(scores: &Tensor, scoring: Scoring) -> Result<Tensor> {
    scores.apply_op1(CausalSoftmax { scoring })
}

struct CausalSoftmax {
    scoring: Scoring,
}

impl CustomOp1 for CausalSoftmax {
    fn name(&self) -> &'static str {
        "causal-softmax"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let length = layout.shape().dims4()?.3;
        let scores = slice(scores, layout)?;
        let mut values = vec![0.0; scores.len()];
        for (index, (row, out)) in scores.chunks_exact(length).zip(values.chunks_exact_mut(length)).enumerate() {
            let seen = self.seen(index % length);
            out[seen.clone()].copy_from_slice(&row[seen.clone()]);
            self.scoring.weigh(&mut out[seen]);
        }
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    /// For each row scale * p (g - sum(g p)), times 1 - tanh^2 where scores are capped.
    fn bwd(&self, scores: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let length = result.dims4()?.3;
        let mut values = with_values(result, |p| with_values(grad, |grad| Ok(self.gradient(p, grad, length))))?;
        if let Some(cap) = self.scoring.softcap {
            with_values(scores, |scores| {
                for (value, score) in values.iter_mut().zip(scores) {
                    *value *= 1.0 - (score * self.scoring.scale / cap).tanh().powi(2);
                }
                Ok(())
            })?;
        }
        Ok(Some(Tensor::from_vec(values, result.shape(), result.device())?))
    }
}

impl CausalSoftmax {
    fn seen(&self, position: usize) -> std::ops::Range<usize> {
        self.scoring.first_seen(position)..position + 1
    }

    fn gradient(&self, probabilities: &[f32], grad: &[f32], length: usize) -> Vec<f32> {
        let mut values = vec![0.0; probabilities.len()];
        let rows = probabilities.chunks_exact(length).zip(grad.chunks_exact(length));
        for (index, ((p, grad), out)) in rows.zip(values.chunks_exact_mut(length)).enumerate() {
            let seen = self.seen(index % length);
            let (p, grad) = (&p[seen.clone()], &grad[seen.clone()]);
            let mean = sum_of_products(p, grad);
            for ((out, p), grad) in out[seen].iter_mut().zip(p).zip(grad) {
                *out = self.scoring.scale * p * (grad - mean);
            }
        }
        values
    }
}

/// Softmax of `scale` * row in place.
fn softmax(row: &mut [f32], scale: f32) {
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for value in &mut *row {
        *value = exp((*value - highest) * scale);
    }
    let total: f32 = row.iter().sum();
    let inverse = 1.0 / total;
    for value in row {
        *value *= inverse;
    }
}
