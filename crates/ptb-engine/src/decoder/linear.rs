//! A projection that may have a bias and carry a low-rank update.

use candle_core::{Result, Tensor};

/// A low-rank update of a weight: scale * up * down (Hu et al., "LoRA", 2021).
#[derive(Debug, Clone)]
pub struct LowRank {
    /// [rank, inputs], `A` in the literature.
    pub down: Tensor,
    /// [outputs, rank], `B` in the literature.
    pub up: Tensor,
    /// Factor of the product, usually alpha / rank.
    pub scale: f64,
}

/// y = x weight^T, plus the bias and the low-rank update if there are any.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    low_rank: Option<LowRank>,
}

impl Linear {
    /// A projection by `weight` [outputs, inputs] and `bias` [outputs].
    pub fn new(weight: Tensor, bias: Option<Tensor>, low_rank: Option<LowRank>) -> Self {
        Self { weight, bias, low_rank }
    }

    /// Projects the last dimension of `x` [rows, inputs] to [rows, outputs].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        let Some(low_rank) = &self.low_rank else { return Ok(y) };
        let update = x.matmul(&low_rank.down.t()?)?.matmul(&low_rank.up.t()?)?;
        y + (update * low_rank.scale)?
    }
}

impl LowRank {
    /// `weight` with the update added: what a checkpoint without adapters holds.
    pub fn merged_into(&self, weight: &Tensor) -> Result<Tensor> {
        weight + (self.up.matmul(&self.down)? * self.scale)?
    }
}
