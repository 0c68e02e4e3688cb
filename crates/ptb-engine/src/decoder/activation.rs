//! The gated activation of the feed-forward part: silu(gate) * up (Shazeer, "GLU variants improve transformer", 2020).

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::exponential::sigmoid;
use super::storage::{slice, with_values};

/// silu(gate) * up, element by element.
pub(super) fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.apply_op2(up, SwiGlu)
}

struct SwiGlu;

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, gate: &CpuStorage, l1: &Layout, up: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (slice(gate, l1)?, slice(up, l2)?);
        let values = gate.iter().zip(up).map(|(&gate, &up)| gate * sigmoid(gate) * up).collect();
        Ok((CpuStorage::F32(values), l1.shape().clone()))
    }

    fn bwd(&self, gate: &Tensor, up: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (of_gate, of_up) =
            with_values(gate, |gate| with_values(up, |up| with_values(grad, |grad| Ok(gradients(gate, up, grad)))))?;
        let of_gate = Tensor::from_vec(of_gate, gate.shape(), gate.device())?;
        let of_up = Tensor::from_vec(of_up, up.shape(), up.device())?;
        Ok((Some(of_gate), Some(of_up)))
    }
}

/// d silu(x)/dx = s (1 + x (1 - s)) with s = sigmoid(x).
fn gradients(gate: &[f32], up: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut of_gate = vec![0.0; gate.len()];
    let mut of_up = vec![0.0; gate.len()];
    let results = of_gate.iter_mut().zip(&mut of_up);
    for ((of_gate, of_up), ((&gate, &up), &grad)) in results.zip(gate.iter().zip(up).zip(grad)) {
        let s = sigmoid(gate);
        *of_gate = grad * up * s * (1.0 + gate * (1.0 - s));
        *of_up = grad * gate * s;
    }
    (of_gate, of_up)
}
