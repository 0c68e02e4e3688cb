//! Softmax over the positions that a query may see, with its gradient.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::exponential::exp;
use super::normalisation::sum_of_products;
use super::storage::{slice, with_values};

/// Softmax of `scale` * scores over the keys up to each query's own position; zero beyond.
///
/// `scores` is [batch, key heads, group * length, length]: the query heads that share a key head stand one after the
/// other, so that row r belongs to position r modulo length.
pub(super) fn causal_softmax(scores: &Tensor, scale: f32) -> Result<Tensor> {
    scores.apply_op1(CausalSoftmax { scale })
}

struct CausalSoftmax {
    scale: f32,
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
            let seen = index % length + 1;
            out[..seen].copy_from_slice(&row[..seen]);
            softmax(&mut out[..seen], self.scale);
        }
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    /// scale * p (g - sum(g p)) for each row.
    fn bwd(&self, _: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let length = result.dims4()?.3;
        let values = with_values(result, |p| with_values(grad, |grad| Ok(self.gradient(p, grad, length))))?;
        Ok(Some(Tensor::from_vec(values, result.shape(), result.device())?))
    }
}

impl CausalSoftmax {
    fn gradient(&self, probabilities: &[f32], grad: &[f32], length: usize) -> Vec<f32> {
        let mut values = vec![0.0; probabilities.len()];
        let rows = probabilities.chunks_exact(length).zip(grad.chunks_exact(length));
        for (index, ((p, grad), out)) in rows.zip(values.chunks_exact_mut(length)).enumerate() {
            let seen = index % length + 1;
            let mean = sum_of_products(&p[..seen], &grad[..seen]);
            for ((out, p), grad) in out[..seen].iter_mut().zip(p).zip(grad) {
                *out = self.scale * p * (grad - mean);
            }
        }
        values
    }
}

/// Softmax of `scale` * row in place.
pub(crate) fn softmax(row: &mut [f32], scale: f32) {
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
