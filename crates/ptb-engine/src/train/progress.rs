//! How far a run is.

use std::time::{Duration, Instant};

/// Told after every step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
    /// Mean loss of a learned token in this step.
    pub loss: f64,
    /// Tokens (learned or not) that went through the model, per second since the start.
    pub tokens_per_second: f64,
    /// Expected time to the end.
    pub left: Duration,
}

/// Counts steps and tokens since the start.
pub(super) struct Meter {
    start: Instant,
    first: usize,
    total: usize,
    tokens: usize,
}

impl Meter {
    /// Starts the clock at step `first` of `total`.
    pub(super) fn start(first: usize, total: usize) -> Self {
        Self { start: Instant::now(), first, total, tokens: 0 }
    }

    /// The state after `step` steps, the last of which took `tokens` tokens.
    pub(super) fn after(&mut self, step: usize, loss: f64, tokens: usize) -> Progress {
        self.tokens += tokens;
        let elapsed = self.elapsed().as_secs_f64().max(1e-9);
        let per_step = elapsed / (step - self.first).max(1) as f64;
        Progress {
            step,
            total: self.total,
            loss,
            tokens_per_second: self.tokens as f64 / elapsed,
            left: Duration::from_secs_f64(per_step * (self.total - step) as f64),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }
}
