//! Root-mean-square normalisation (Zhang and Sennrich, 2019).
//!
//! It is written out by hand with its gradient: as a chain of elementary operations it would dominate the time of a
//! small model.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::storage::{slice, with_values};

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) weight: Tensor,
    pub(super) eps: f32,
}

impl Norm {
    /// A normalisation by stored weights, to which the architecture adds `offset`.
    pub(super) fn new(stored: Tensor, offset: f32, eps: f32) -> Result<Self> {
        let weight = if offset == 0.0 { stored } else { (stored + f64::from(offset))? };
        Ok(Self { weight, eps })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op2(&self.weight, RmsNorm { eps: self.eps })
    }
}

struct RmsNorm {
    eps: f32,
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, l1: &Layout, weight: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (slice(x, l1)?, slice(weight, l2)?);
        let mut values = vec![0.0; x.len()];
        for (row, out) in x.chunks_exact(weight.len()).zip(values.chunks_exact_mut(weight.len())) {
            normalise(row, weight, self.eps, out);
        }
        Ok((CpuStorage::F32(values), l1.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, weight: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (of_x, of_weight) = with_values(x, |x| {
            with_values(weight, |weight| with_values(grad, |grad| Ok(self.gradients(x, weight, grad))))
        })?;
        let of_x = Tensor::from_vec(of_x, x.shape(), x.device())?;
        let of_weight = Tensor::from_vec(of_weight, weight.shape(), weight.device())?;
        Ok((Some(of_x), Some(of_weight)))
    }
}

impl RmsNorm {
    fn gradients(&self, x: &[f32], weight: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let width = weight.len();
        let (mut of_x, mut of_weight) = (vec![0.0; x.len()], vec![0.0; width]);
        let rows = x.chunks_exact(width).zip(grad.chunks_exact(width));
        for ((x, grad), of_x) in rows.zip(of_x.chunks_exact_mut(width)) {
            normalise_gradient(x, weight, grad, self.eps, of_x, &mut of_weight);
        }
        (of_x, of_weight)
    }
}

/// Sum in eight interleaved parts, which is both faster and more exact than one running sum.
pub(crate) fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0_f32; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    parts.iter().sum::<f32>() + rest
}

fn inverse_root(x: &[f32], eps: f32) -> f32 {
    1.0 / (sum_of_products(x, x) / x.len() as f32 + eps).sqrt()
}

/// One row of root-mean-square normalisation.
pub(crate) fn normalise(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let scale = inverse_root(x, eps);
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}

/// With r the inverse root, n = x r and g = grad * weight: the gradient of x is r (g - n mean(g n)), that of the weight
/// is the sum over rows of grad * n.
pub(super) fn normalise_gradient(
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    eps: f32,
    of_x: &mut [f32],
    of_weight: &mut [f32],
) {
    let scale = inverse_root(x, eps);
    for ((of_x, grad), weight) in of_x.iter_mut().zip(grad).zip(weight) {
        *of_x = grad * weight;
    }
    let mean = sum_of_products(of_x, x) * scale / x.len() as f32;
    for (((of_x, x), grad), of_weight) in of_x.iter_mut().zip(x).zip(grad).zip(of_weight) {
        let normalised = x * scale;
        *of_weight += grad * normalised;
        *of_x = scale * (*of_x - normalised * mean);
    }
}
