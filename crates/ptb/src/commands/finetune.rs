//! `ptb finetune`: supervised fine-tuning with the embedded engine.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use ptb_engine::train::{FinetuneOptions, LoraOptions, Summary, finetune as train};

use super::progress::TrainingProgress;
use super::{Environment, model};
use crate::failure::{Failure, Outcome, Sort};
use crate::output;

/// Fine-tunes a model on conversations, all weights or low-rank adapters, with loss on the assistant's tokens only
///
/// The same data, settings and seed give the same weights, whatever the number of threads. With
/// --checkpoint-every, an interrupted run goes on from its last checkpoint when the same command starts again.
///
/// Example: ptb finetune --model base --data chat.jsonl --output final_model --epochs 2 --learning-rate 3e-4
#[derive(Debug, Args)]
pub struct FinetuneArguments {
    /// Checkpoint folder to start from
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Conversations: JSON Lines of {"messages": [{"role": ..., "content": ...}, ...]}
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Folder for the trained checkpoint
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Passes over the data
    #[arg(long, default_value_t = 1.0)]
    epochs: f64,
    /// Stop after so many steps
    #[arg(long, value_name = "N")]
    max_steps: Option<usize>,
    /// Conversations in a step
    #[arg(long, default_value_t = 16)]
    batch_size: usize,
    /// Peak learning rate
    #[arg(long, default_value_t = 3e-4)]
    learning_rate: f64,
    /// Share of the steps in which the learning rate rises
    #[arg(long, default_value_t = 0.05)]
    warmup_share: f64,
    /// Decoupled weight decay
    #[arg(long, default_value_t = 0.0)]
    weight_decay: f64,
    /// Largest norm of a step's gradient
    #[arg(long, default_value_t = 1.0)]
    clip_norm: f64,
    /// Longest conversation in tokens; longer ones lose their end
    #[arg(long, default_value_t = 2048)]
    max_length: usize,
    /// Train low-rank adapters of this rank instead of all weights, and merge them in the end
    #[arg(long, value_name = "RANK")]
    lora_rank: Option<usize>,
    /// Scale of the adapters [default: twice the rank]
    #[arg(long, requires = "lora_rank")]
    lora_alpha: Option<f64>,
    /// Save a checkpoint to go on from after every so many steps
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<usize>,
    /// Seed of the order of the data and of the adapters
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Processor threads [default: all]
    #[arg(long)]
    threads: Option<usize>,
}

pub fn finetune(arguments: &FinetuneArguments) -> Outcome {
    let mut line = TrainingProgress::new();
    let summary = train(&options(arguments)?, |progress| line.show(progress)).usage()?;
    line.finish();
    output::say(in_words(&summary, arguments));
    Ok(())
}

fn options(arguments: &FinetuneArguments) -> Result<FinetuneOptions, Failure> {
    let mut options = FinetuneOptions::new(&arguments.model, &arguments.data, &arguments.output);
    options.family = model::family_of(&arguments.model, &Environment::catalog(None)?)?;
    options.epochs = arguments.epochs;
    options.max_steps = arguments.max_steps;
    options.batch_size = arguments.batch_size;
    options.learning_rate = arguments.learning_rate;
    options.warmup_share = arguments.warmup_share;
    options.adam.weight_decay = arguments.weight_decay;
    options.clip_norm = arguments.clip_norm;
    options.max_length = arguments.max_length;
    options.checkpoint_every = arguments.checkpoint_every;
    options.resume = arguments.checkpoint_every.is_some();
    options.seed = arguments.seed;
    options.threads = arguments.threads.unwrap_or_else(threads);
    options.lora = arguments.lora_rank.map(|rank| LoraOptions {
        rank,
        alpha: arguments.lora_alpha.unwrap_or(2.0 * rank as f64),
        targets: Vec::new(),
    });
    Ok(options)
}

/// As many threads as the environment allows: a slot of an experiment has its share of the cores.
fn threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
    asked.filter(|threads| *threads > 0).unwrap_or_else(Environment::cores)
}

fn in_words(summary: &Summary, arguments: &FinetuneArguments) -> String {
    let mut text = format!(
        "{} steps over {} conversations, loss {:.3} to {:.3}: {}",
        summary.steps,
        summary.rows,
        summary.first_loss,
        summary.last_loss,
        arguments.output.display()
    );
    if summary.truncated + summary.dropped > 0 {
        let _ = write!(
            text,
            "\n{} conversations were too long and lost their end, {} had nothing left to learn (--max-length)",
            summary.truncated, summary.dropped
        );
    }
    text
}
