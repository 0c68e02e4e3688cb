//! Training a model from nothing on a stream of tokens.

use super::error::TrainError;
use super::parameters::AdamW;
use super::pool;
use super::progress::{Meter, Progress};
use super::rows::{MicroBatch, Row};
use super::schedule::Schedule;
use super::step::Stepper;
use super::trainable::Trainable;
use crate::config::DecoderConfig;
use crate::decoder::{TensorMap, random_weights};

/// Settings of a pre-training run.
#[derive(Debug, Clone, PartialEq)]
pub struct PretrainOptions {
    /// Seed of the first weights.
    pub seed: u64,
    /// Tokens to learn in all, rounded up to whole steps.
    pub tokens: usize,
    /// Tokens in one row.
    pub context: usize,
    /// Rows in one step.
    pub rows: usize,
    /// Rows that one thread computes at a time.
    pub micro_rows: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Steps up to the highest learning rate.
    pub warmup_steps: usize,
    /// Longest gradient that is not shortened.
    pub clip_norm: f64,
    /// The optimiser's constants.
    pub adam: AdamW,
    /// Threads; the result does not depend on their number.
    pub threads: usize,
}

impl PretrainOptions {
    /// Steps of the whole run.
    pub fn steps(&self) -> usize {
        self.tokens.div_ceil(self.rows * self.context)
    }

    fn check(&self, config: &DecoderConfig) -> Result<(), TrainError> {
        let positive = [
            ("tokens", self.tokens),
            ("context", self.context),
            ("rows", self.rows),
            ("micro_rows", self.micro_rows),
            ("threads", self.threads),
        ];
        if let Some((name, value)) = positive.into_iter().find(|&(_, value)| value == 0) {
            return Err(TrainError::setting(name, value, "at least 1"));
        }
        let most = config.max_position_embeddings;
        if self.context > most {
            return Err(TrainError::setting("context", self.context, format!("at most the model's {most} positions")));
        }
        Ok(())
    }
}

/// Draws a model and trains it on `stream`, which must have enough tokens, row after row without gaps.
///
/// The same configuration, options and stream give the same weights on the same kind of processor.
pub fn pretrain(
    config: &DecoderConfig,
    options: &PretrainOptions,
    stream: impl Iterator<Item = u32> + Send,
    progress: impl FnMut(&Progress) + Send,
) -> Result<TensorMap, TrainError> {
    options.check(config)?;
    let model = Trainable::full(config, &random_weights(config, options.seed)?)?;
    pool(options.threads)?.install(|| run(model, options, stream, progress))
}

fn run(
    mut model: Trainable,
    options: &PretrainOptions,
    mut stream: impl Iterator<Item = u32>,
    mut progress: impl FnMut(&Progress),
) -> Result<TensorMap, TrainError> {
    let stepper = Stepper {
        schedule: Schedule {
            peak: options.learning_rate,
            warmup_steps: options.warmup_steps,
            total_steps: options.steps(),
            floor: 0.0,
        },
        adam: options.adam,
        clip_norm: options.clip_norm,
    };
    let mut meter = Meter::start(0, options.steps());
    let mut last = None;
    for step in 0..options.steps() {
        let rows = next_rows(&mut stream, &mut last, options)?;
        let rows: Vec<_> = rows.iter().collect();
        let batches: Vec<_> = rows.chunks(options.micro_rows).map(MicroBatch::new).collect();
        let loss = stepper.step(&mut model, &batches, step)?;
        progress(&meter.after(step + 1, loss, options.rows * options.context));
    }
    model.merged()
}

/// Cuts the next rows off the stream; each starts with the last token of the one before, so that none is left unlearned.
fn next_rows(
    stream: &mut impl Iterator<Item = u32>,
    last: &mut Option<u32>,
    options: &PretrainOptions,
) -> Result<Vec<Row>, TrainError> {
    let mut next =
        || stream.next().ok_or_else(|| TrainError::setting("tokens", options.tokens, "fewer: the text ended"));
    let mut rows = Vec::with_capacity(options.rows);
    for _ in 0..options.rows {
        let mut tokens = vec![last.map_or_else(&mut next, Ok)?];
        for _ in 0..options.context {
            tokens.push(next()?);
        }
        *last = tokens.last().copied();
        let mut learned = vec![true; tokens.len()];
        learned[0] = false;
        rows.push(Row { tokens, learned });
    }
    Ok(rows)
}
