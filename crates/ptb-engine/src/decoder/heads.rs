//! Queries and keys head by head: normalised where the architecture asks for it, turned by their position, and sorted
//! so that the positions of one head follow each other.
//!
//! One operation does all three, with its gradient, because each alone would cost as much again.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::normalisation::{Norm, normalise, normalise_gradient};
use super::rotation::Rotation;
use super::storage::{slice, with_values};

/// Brings `x` [batch, length, heads * width] to [batch, heads, length, width].
pub(super) fn arrange_heads(
    x: &Tensor,
    width: usize,
    norm: Option<&Norm>,
    rotation: Option<&Arc<Rotation>>,
) -> Result<Tensor> {
    let turn = Turn { rotation: rotation.cloned(), width };
    match norm {
        Some(norm) => x.apply_op2(&norm.weight, TurnNormalised { turn, eps: norm.eps }),
        None => x.apply_op1(turn),
    }
}

/// The places of heads before and after sorting.
#[derive(Clone, Copy)]
struct Places {
    heads: usize,
    length: usize,
}

impl Places {
    /// Where the head with running number `index` in [batch, length, heads] stands in [batch, heads, length].
    fn sorted(self, index: usize) -> usize {
        let (head, row) = (index % self.heads, index / self.heads);
        let (position, batch) = (row % self.length, row / self.length);
        (batch * self.heads + head) * self.length + position
    }
}

struct Turn {
    /// Absent in layers without position embedding.
    rotation: Option<Arc<Rotation>>,
    width: usize,
}

impl Turn {
    /// Calls `write` with each head and its sorted place, and turns what it has written.
    fn forward(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        write: impl Fn(&[f32], &mut [f32]),
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, length, size) = layout.shape().dims3()?;
        let places = Places { heads: size / self.width, length };
        let x = slice(x, layout)?;
        let mut values = vec![0.0; x.len()];
        for (index, head) in x.chunks_exact(self.width).enumerate() {
            let place = places.sorted(index);
            let out = &mut values[place * self.width..][..self.width];
            write(head, out);
            if let Some(rotation) = &self.rotation {
                rotation.turn(out, place % length);
            }
        }
        Ok((CpuStorage::F32(values), (batch, places.heads, length, self.width).into()))
    }

    /// Calls `write` for each head of the unsorted result with its running number and its gradient, turned back.
    fn backward(&self, grad: &Tensor, mut write: impl FnMut(usize, &[f32])) -> Result<()> {
        let (_, heads, length, _) = grad.dims4()?;
        let places = Places { heads, length };
        with_values(grad, |grad| {
            let mut turned = vec![0.0; self.width];
            for index in 0..grad.len() / self.width {
                let place = places.sorted(index);
                turned.copy_from_slice(&grad[place * self.width..][..self.width]);
                if let Some(rotation) = &self.rotation {
                    rotation.turn_back(&mut turned, place % length);
                }
                write(index, &turned);
            }
            Ok(())
        })
    }
}

impl CustomOp1 for Turn {
    fn name(&self) -> &'static str {
        "turn"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward(x, layout, |head, out| out.copy_from_slice(head))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let mut of_x = vec![0.0; x.elem_count()];
        self.backward(grad, |index, grad| of_x[index * self.width..][..self.width].copy_from_slice(grad))?;
        Ok(Some(Tensor::from_vec(of_x, x.shape(), x.device())?))
    }
}

struct TurnNormalised {
    turn: Turn,
    eps: f32,
}

impl CustomOp2 for TurnNormalised {
    fn name(&self) -> &'static str {
        "turn-normalised"
    }

    fn cpu_fwd(&self, x: &CpuStorage, l1: &Layout, weight: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let weight = slice(weight, l2)?;
        self.turn.forward(x, l1, |head, out| normalise(head, weight, self.eps, out))
    }

    fn bwd(&self, x: &Tensor, weight: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let width = self.turn.width;
        let (mut of_x, mut of_weight) = (vec![0.0; x.elem_count()], vec![0.0; width]);
        with_values(x, |x| {
            with_values(weight, |weight| {
                self.turn.backward(grad, |index, grad| {
                    let place = index * width..(index + 1) * width;
                    let of_x = &mut of_x[place.clone()];
                    normalise_gradient(&x[place], weight, grad, self.eps, of_x, &mut of_weight);
                })
            })
        })?;
        let of_x = Tensor::from_vec(of_x, x.shape(), x.device())?;
        let of_weight = Tensor::from_vec(of_weight, weight.shape(), weight.device())?;
        Ok((Some(of_x), Some(of_weight)))
    }
}
