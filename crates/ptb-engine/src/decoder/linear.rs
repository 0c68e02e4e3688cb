//! A projection without bias that may carry a low-rank update.

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

/// y = x weight^T, plus the low-rank update if there is one.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    low_rank: Option<LowRank>,
}

impl Linear {
    /// A projection by `weight` [outputs, inputs].
    pub fn new(weight: Tensor, low_rank: Option<LowRank>) -> Self {
        Self { weight, low_rank }
    }

    /// Projects the last dimension of `x` [rows, inputs] to [rows, outputs].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        let Some(low_rank) = &self.low_rank else { return Ok(y) };
        let update = x.matmul(&low_rank.down.t()?)?.matmul(&low_rank.up.t()?)?;
        y + (update * low_rank.scale)?
    }

    /// The weight with the low-rank update added: what a checkpoint without adapters holds.
    pub fn merged(&self) -> Result<Tensor> {
        match &self.low_rank {
            None => Ok(self.weight.clone()),
            Some(low_rank) => &self.weight + (low_rank.up.matmul(&low_rank.down)? * low_rank.scale)?,
        }
    }
}
