//! Root-mean-square normalisation (Zhang and Sennrich, 2019), alone and together with the rotation of heads.
//!
//! Both are written out by hand with their gradients: as a chain of elementary operations they would dominate the
//! time of a small model.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::rotation::Rotation;
use super::storage::{slice, with_values};

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    x.apply_op2(weight, RmsNorm { eps })
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
fn normalise_gradient(x: &[f32], weight: &[f32], grad: &[f32], eps: f32, of_x: &mut [f32], of_weight: &mut [f32]) {
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

/// Normalises each head of `x` [batch, length, heads * width], turns it by its position and sorts the result by
/// head: [batch, heads, length, width].
pub(super) fn normalise_heads(
    x: &Tensor,
    weight: &Tensor,
    rotation: &std::sync::Arc<Rotation>,
    eps: f32,
) -> Result<Tensor> {
    x.apply_op2(weight, HeadNorm { rotation: rotation.clone(), eps })
}

struct HeadNorm {
    rotation: std::sync::Arc<Rotation>,
    eps: f32,
}

impl CustomOp2 for HeadNorm {
    fn name(&self) -> &'static str {
        "head-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, l1: &Layout, weight: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, length, size) = l1.shape().dims3()?;
        let (x, weight) = (slice(x, l1)?, slice(weight, l2)?);
        let (width, heads) = (weight.len(), size / weight.len());
        let mut values = vec![0.0; x.len()];
        for (index, row) in x.chunks_exact(width).enumerate() {
            let place = by_head(index, heads, length);
            let out = &mut values[place * width..][..width];
            normalise(row, weight, self.eps, out);
            self.rotation.turn(out, place % length);
        }
        Ok((CpuStorage::F32(values), (batch, heads, length, width).into()))
    }

    fn bwd(&self, x: &Tensor, weight: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (_, heads, length, _) = grad.dims4()?;
        let (of_x, of_weight) = with_values(x, |x| {
            with_values(weight, |weight| with_values(grad, |grad| Ok(self.gradients(x, weight, grad, heads, length))))
        })?;
        let of_x = Tensor::from_vec(of_x, x.shape(), x.device())?;
        let of_weight = Tensor::from_vec(of_weight, weight.shape(), weight.device())?;
        Ok((Some(of_x), Some(of_weight)))
    }
}

impl HeadNorm {
    fn gradients(&self, x: &[f32], weight: &[f32], grad: &[f32], heads: usize, length: usize) -> (Vec<f32>, Vec<f32>) {
        let width = weight.len();
        let (mut of_x, mut of_weight) = (vec![0.0; x.len()], vec![0.0; width]);
        let mut turned = vec![0.0; width];
        for (index, (x, of_x)) in x.chunks_exact(width).zip(of_x.chunks_exact_mut(width)).enumerate() {
            let place = by_head(index, heads, length);
            turned.copy_from_slice(&grad[place * width..][..width]);
            self.rotation.turn_back(&mut turned, place % length);
            normalise_gradient(x, weight, &turned, self.eps, of_x, &mut of_weight);
        }
        (of_x, of_weight)
    }
}

/// Where the head with running number `index` in [batch, length, heads] stands in [batch, heads, length].
fn by_head(index: usize, heads: usize, length: usize) -> usize {
    let (head, row) = (index % heads, index / heads);
    let (position, batch) = (row % length, row / length);
    (batch * heads + head) * length + position
}
