//! The gated activation of the feed-forward part (Shazeer, "GLU variants improve transformer", 2020).
//!
//! Both activations are x sigmoid(u(x)): u is x itself for silu, and 2 sqrt(2/pi) (x + 0.044715 x^3) for gelu, because
//! (1 + tanh(v)) / 2 is sigmoid(2 v).

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::exponential::sigmoid;
use super::storage::{slice, with_values};
use crate::config::Activation;

/// 2 sqrt(2/pi).
const GELU_SLOPE: f32 = 1.595_769;
const GELU_CUBE: f32 = 0.044_715;

/// activation(gate) * up, element by element.
pub(super) fn gated(gate: &Tensor, up: &Tensor, activation: Activation) -> Result<Tensor> {
    gate.apply_op2(up, Gated { activation })
}

/// Replaces each gate by activation(gate) * up.
pub(crate) fn gate_in_place(gate: &mut [f32], up: &[f32], activation: Activation) {
    // One loop for each activation: a choice inside of the loop would keep it from being vectorised.
    match activation {
        Activation::Silu => gate_by(gate, up, |x| x),
        Activation::GeluTanh => gate_by(gate, up, gelu_exponent),
    }
}

fn gate_by(gate: &mut [f32], up: &[f32], exponent: impl Fn(f32) -> f32) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate * sigmoid(exponent(*gate)) * up;
    }
}

fn gelu_exponent(x: f32) -> f32 {
    GELU_SLOPE * (x + GELU_CUBE * x * x * x)
}

struct Gated {
    activation: Activation,
}

impl CustomOp2 for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn cpu_fwd(&self, gate: &CpuStorage, l1: &Layout, up: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut values = slice(gate, l1)?.to_vec();
        gate_in_place(&mut values, slice(up, l2)?, self.activation);
        Ok((CpuStorage::F32(values), l1.shape().clone()))
    }

    fn bwd(&self, gate: &Tensor, up: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradients = |gate: &[f32], up: &[f32], grad: &[f32]| match self.activation {
            Activation::Silu => gradients(gate, up, grad, |x| (x, 1.0)),
            Activation::GeluTanh => {
                gradients(gate, up, grad, |x| (gelu_exponent(x), GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * x * x)))
            }
        };
        let (of_gate, of_up) =
            with_values(gate, |gate| with_values(up, |up| with_values(grad, |grad| Ok(gradients(gate, up, grad)))))?;
        let of_gate = Tensor::from_vec(of_gate, gate.shape(), gate.device())?;
        let of_up = Tensor::from_vec(of_up, up.shape(), up.device())?;
        Ok((Some(of_gate), Some(of_up)))
    }
}

/// d (x sigmoid(u))/dx = s (1 + x u' (1 - s)) with s = sigmoid(u); `exponent` gives u and u'.
fn gradients(gate: &[f32], up: &[f32], grad: &[f32], exponent: impl Fn(f32) -> (f32, f32)) -> (Vec<f32>, Vec<f32>) {
    let mut of_gate = vec![0.0; gate.len()];
    let mut of_up = vec![0.0; gate.len()];
    let results = of_gate.iter_mut().zip(&mut of_up);
    for ((of_gate, of_up), ((&gate, &up), &grad)) in results.zip(gate.iter().zip(up).zip(grad)) {
        let (u, slope) = exponent(gate);
        let s = sigmoid(u);
        *of_gate = grad * up * s * (1.0 + gate * slope * (1.0 - s));
        *of_up = grad * gate * s;
    }
    (of_gate, of_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_agrees_with_its_definition() {
        for step in -80..80_i16 {
            let x = f32::from(step) / 10.0;
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (f64::from(x) + 0.044_715 * f64::from(x).powi(3));
            let exact = 0.5 * f64::from(x) * (1.0 + inner.tanh());
            let mut gate = [x];
            gate_in_place(&mut gate, &[2.0], Activation::GeluTanh);
            assert!((f64::from(gate[0]) - 2.0 * exact).abs() < 1e-5, "{x}: {} is not {exact}", gate[0]);
        }
    }
}
