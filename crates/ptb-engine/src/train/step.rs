//! One optimiser step over a batch, computed by several threads with the same result for any number of them.

use rayon::prelude::*;

use super::error::TrainError;
use super::parameters::{AdamW, Gradients, add_all, global_norm};
use super::rows::MicroBatch;
use super::schedule::Schedule;
use super::trainable::Trainable;

/// What every step of a run shares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stepper {
    pub(super) schedule: Schedule,
    pub(super) adam: AdamW,
    /// Longest gradient that is not shortened.
    pub(super) clip_norm: f64,
}

impl Stepper {
    /// Learns from the micro-batches of step number `step` (from 0); returns the mean loss of a token.
    ///
    /// Micro-batches are computed in parallel by the current thread pool, as many at a time as it has threads, so the
    /// memory in use is that many gradients and activations. They are added in order: floating-point sums depend on it.
    pub(super) fn step(&self, model: &mut Trainable, batches: &[MicroBatch], step: usize) -> Result<f64, TrainError> {
        let (loss, gradients) = sum_gradients(model, batches)?;
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { what: "loss", step: step + 1 });
        }
        let norm = global_norm(&gradients);
        if !norm.is_finite() {
            return Err(TrainError::NotFinite { what: "gradient", step: step + 1 });
        }
        let clip = if norm > self.clip_norm { self.clip_norm / norm } else { 1.0 };
        model.parameters.update(&gradients, clip as f32, self.schedule.at(step), step, &self.adam);
        Ok(loss)
    }
}

fn sum_gradients(model: &Trainable, batches: &[MicroBatch]) -> Result<(f64, Gradients), TrainError> {
    let targets: usize = batches.iter().map(|batch| batch.targets.len()).sum();
    let scale = 1.0 / targets.max(1) as f32;
    let variables = model.parameters.variables()?;
    let mut loss = 0.0;
    let mut sum: Gradients = Vec::new();
    for round in batches.chunks(rayon::current_num_threads()) {
        let compute = |batch| model.gradients(&variables, batch, scale);
        let results = round.par_iter().map(compute).collect::<Result<Vec<_>, _>>()?;
        let (losses, mut parts): (Vec<_>, Vec<_>) = results.into_iter().unzip();
        loss += losses.into_iter().sum::<f64>();
        if sum.is_empty() {
            sum = parts.remove(0);
        }
        add_all(&mut sum, &parts);
    }
    Ok((loss, sum))
}
