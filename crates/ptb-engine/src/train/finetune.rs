//! Supervised fine-tuning on conversations.

use std::path::PathBuf;
use std::time::Duration;

use super::conversations::{Conversations, Encoder};
use super::error::TrainError;
use super::order::{Order, micro_batches};
use super::parameters::AdamW;
use super::pool;
use super::progress::{Meter, Progress};
use super::rows::Row;
use super::save::{check_free, write_folder, write_model};
use super::schedule::Schedule;
use super::state::{Fingerprint, States};
use super::step::Stepper;
use super::trainable::{LoraOptions, Trainable};
use crate::checkpoint::Checkpoint;
use crate::template::Family;

/// Settings of a fine-tuning run.
#[derive(Debug, Clone, PartialEq)]
pub struct FinetuneOptions {
    /// Folder of the model to start from.
    pub base: PathBuf,
    /// Chat file: one `{"messages": [...]}` in a line.
    pub data: PathBuf,
    /// Folder of the trained model; must not exist, or be empty.
    pub out: PathBuf,
    /// Family of the base model, which decides the chat template.
    pub family: Family,
    /// Passes over the training set.
    pub epochs: f64,
    /// Ends the run earlier, after so many steps.
    pub max_steps: Option<usize>,
    /// Conversations in one step.
    pub batch_size: usize,
    /// Conversations that one thread computes at a time; the result depends on it, the memory grows with it.
    pub micro_batch_size: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps in which the learning rate rises.
    pub warmup_share: f64,
    /// The optimiser's constants.
    pub adam: AdamW,
    /// Longest gradient that is not shortened.
    pub clip_norm: f64,
    /// Longest conversation in tokens; longer ones lose their end.
    pub max_length: usize,
    /// Train low-rank updates only, instead of all weights.
    pub lora: Option<LoraOptions>,
    /// Decides the order of the rows and the first values of low-rank updates.
    pub seed: u64,
    /// Threads; the result does not depend on their number.
    pub threads: usize,
    /// Store the state of the run every so many steps, beside the output folder.
    pub checkpoint_every: Option<usize>,
    /// Go on from the last stored state, if there is one.
    pub resume: bool,
}

impl FinetuneOptions {
    /// The default settings for a base model, a training set and an output folder.
    pub fn new(base: impl Into<PathBuf>, data: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            data: data.into(),
            out: out.into(),
            family: Family::Qwen3,
            epochs: 1.0,
            max_steps: None,
            batch_size: 16,
            micro_batch_size: 8,
            learning_rate: 1e-3,
            warmup_share: 0.05,
            adam: AdamW::default(),
            clip_norm: 1.0,
            max_length: 2048,
            lora: None,
            seed: 0,
            threads: 1,
            checkpoint_every: None,
            resume: false,
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        let counts = [
            ("batch_size", self.batch_size),
            ("micro_batch_size", self.micro_batch_size),
            ("threads", self.threads),
            ("checkpoint_every", self.checkpoint_every.unwrap_or(1)),
            ("max_steps", self.max_steps.unwrap_or(1)),
        ];
        if let Some((name, value)) = counts.into_iter().find(|&(_, value)| value == 0) {
            return Err(TrainError::setting(name, value, "at least 1"));
        }
        if self.max_length < 2 {
            return Err(TrainError::setting("max_length", self.max_length, "at least 2"));
        }
        let positive = [("epochs", self.epochs), ("learning_rate", self.learning_rate), ("clip_norm", self.clip_norm)];
        if let Some((name, value)) = positive.into_iter().find(|&(_, value)| !value.is_finite() || value <= 0.0) {
            return Err(TrainError::setting(name, value, "a positive number"));
        }
        if !(0.0..=1.0).contains(&self.warmup_share) {
            return Err(TrainError::setting("warmup_share", self.warmup_share, "between 0 and 1"));
        }
        Ok(())
    }

    /// Steps of a run over `rows` rows.
    fn steps(&self, rows: usize) -> usize {
        let all = (rows as f64 * self.epochs / self.batch_size as f64).ceil().max(1.0) as usize;
        self.max_steps.map_or(all, |most| all.min(most))
    }

    fn stepper(&self, steps: usize) -> Stepper {
        let warmup_steps = (steps as f64 * self.warmup_share).round() as usize;
        let schedule = Schedule { peak: self.learning_rate, warmup_steps, total_steps: steps, floor: 0.0 };
        Stepper { schedule, adam: self.adam, clip_norm: self.clip_norm }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Conversations learned from.
    pub rows: usize,
    /// Conversations that were too long and lost their end.
    pub truncated: usize,
    /// Conversations left out because the end they lost had everything to learn.
    pub dropped: usize,
    /// Steps in all, those before a resumption included.
    pub steps: usize,
    /// Weights that were trained.
    pub trained_weights: usize,
    /// Mean loss of a learned token in the first step of this call.
    pub first_loss: f64,
    /// Mean loss of a learned token over the last tenth of the steps of this call.
    pub last_loss: f64,
    /// Tokens that went through the model in this call.
    pub tokens: usize,
    /// Time of the steps of this call, reading and writing not counted.
    pub duration: Duration,
}

/// Fine-tunes a model on conversations and writes the result as a checkpoint folder in the number format of the base.
///
/// `progress` is told after every step. The memory needed is 16 bytes for each trained weight (value, gradient and two
/// running means), another 8 for each further thread, and the activations of one micro-batch for each thread.
pub fn finetune(options: &FinetuneOptions, progress: impl FnMut(&Progress) + Send) -> Result<Summary, TrainError> {
    options.check()?;
    check_free(&options.out)?;
    let base = Checkpoint::open(&options.base).map_err(|error| model_error(options, &error))?;
    let limit = options.max_length.min(base.config().max_position_embeddings);
    let set = Encoder::new(base.tokenizer(), options.family)?.read(&options.data, limit)?;
    let weights = base.weights().map_err(|error| model_error(options, &error))?;
    let mut model = match &options.lora {
        None => Trainable::full(base.config(), &weights)?,
        Some(lora) => Trainable::low_rank(base.config(), weights, lora, options.seed)?,
    };
    let summary = pool(options.threads)?.install(|| run(options, &mut model, &set, progress))?;
    let merged = model.merged()?;
    write_folder(&options.out, |folder| write_model(&options.base, &base, &merged, folder))?;
    States::beside(&options.out).remove()?;
    Ok(summary)
}

fn model_error(options: &FinetuneOptions, error: &dyn std::error::Error) -> TrainError {
    let reason = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    TrainError::Model { path: options.base.clone(), reason }
}

fn run(
    options: &FinetuneOptions,
    model: &mut Trainable,
    set: &Conversations,
    mut progress: impl FnMut(&Progress),
) -> Result<Summary, TrainError> {
    let steps = options.steps(set.rows.len());
    let stepper = options.stepper(steps);
    let states = States::beside(&options.out);
    let fingerprint = Fingerprint::of(options, model, &set.rows);
    let first = if options.resume { states.restore(model, &fingerprint)? } else { 0 };
    let mut order = Order::new(options.seed, set.rows.len(), options.batch_size);
    let mut meter = Meter::start(first, steps);
    let mut losses = Vec::with_capacity(steps - first.min(steps));
    for step in first..steps {
        let rows: Vec<&Row> = order.batch(step).into_iter().map(|row| &set.rows[row]).collect();
        let batches = micro_batches(rows, options.micro_batch_size);
        let loss = stepper.step(model, &batches, step)?;
        losses.push(loss);
        progress(&meter.after(step + 1, loss, batches.iter().map(|batch| batch.tokens.len()).sum()));
        if options.checkpoint_every.is_some_and(|every| (step + 1).is_multiple_of(every)) && step + 1 < steps {
            states.store(model, step + 1, &fingerprint)?;
        }
    }
    let tail = &losses[losses.len() - losses.len().div_ceil(10)..];
    Ok(Summary {
        rows: set.rows.len(),
        truncated: set.truncated,
        dropped: set.dropped,
        steps,
        trained_weights: model.parameters.0.iter().map(|parameter| parameter.values.len()).sum(),
        first_loss: losses.first().copied().unwrap_or(f64::NAN),
        last_loss: tail.iter().sum::<f64>() / tail.len().max(1) as f64,
        tokens: meter.tokens(),
        duration: meter.elapsed(),
    })
}
