//! `ptb micro pretrain`: the embedded base model from nothing, as `crates/ptb-micro/README.md` documents it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use ptb_engine::config::DecoderConfig;
use ptb_engine::train::{AdamW, PretrainOptions, Progress, pretrain, write_weights};
use ptb_micro::{Prose, TokenStream, base_descriptions, train_tokenizer};

use super::Environment;
use super::progress::TrainingProgress;
use crate::failure::{Outcome, Sort};
use crate::output;

/// Makes the embedded micro suite again
#[derive(Debug, Args)]
pub struct MicroArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pre-trains the micro base model from nothing, on prose that this program generates
    ///
    /// With the default tokens and seed it gives the embedded model again.
    ///
    /// Example: ptb micro pretrain --out micro-base
    Pretrain(PretrainArguments),
}

#[derive(Debug, Args)]
struct PretrainArguments {
    /// Folder for the checkpoint; must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Tokens to learn
    #[arg(long, default_value_t = TOKENS)]
    tokens: usize,
    /// Seed of the weights and of the prose
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Processor threads; the result does not depend on their number [default: all]
    #[arg(long)]
    threads: Option<usize>,
}

pub fn micro(arguments: &MicroArguments) -> Outcome {
    let Command::Pretrain(arguments) = &arguments.command;
    let threads = arguments.threads.unwrap_or_else(Environment::cores);
    let mut line = TrainingProgress::new();
    pretrain_base(&arguments.out, arguments.tokens, arguments.seed, threads, |progress| line.show(progress)).usage()?;
    line.finish();
    output::say(format!("the base model is in {}", arguments.out.display()));
    Ok(())
}

/// The seed of the committed base model.
const SEED: u64 = 1;
/// The tokens that the committed base model was trained on.
const TOKENS: usize = 12_000_000;

/// Trains tokenizer and model and writes them as a checkpoint folder to `out`, which must not exist.
///
/// The same seed and number of tokens give the same files on the same kind of processor, for any number of threads.
fn pretrain_base(
    out: &Path,
    tokens: usize,
    seed: u64,
    threads: usize,
    progress: impl FnMut(&Progress) + Send,
) -> anyhow::Result<()> {
    ensure!(!out.exists(), "{} exists; choose another folder", out.display());
    let tokenizer = train_tokenizer(seed).map_err(|error| anyhow::anyhow!("cannot train the tokenizer: {error}"))?;
    let descriptions = base_descriptions(&tokenizer)?;
    let shape = descriptions.iter().find(|(name, _)| *name == "config.json").context("the model has no shape")?;
    let config = DecoderConfig::from_json(shape.1.as_bytes())?;
    // The tokenizer was trained on the text of `seed`; the model learns from text of its own.
    let stream = TokenStream::new(Prose::new(seed + 1), tokenizer)?;
    let weights = pretrain(&config, &options(tokens, seed, threads), stream, progress)?;
    let partial = out.with_extension("partial");
    fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
    write_weights(&weights, safetensors::Dtype::BF16, &partial.join("model.safetensors"))?;
    for (name, text) in descriptions {
        let path = partial.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::rename(&partial, out).with_context(|| format!("cannot move the finished model to {}", out.display()))
}

fn options(tokens: usize, seed: u64, threads: usize) -> PretrainOptions {
    PretrainOptions {
        seed,
        tokens,
        context: 128,
        rows: 64,
        micro_rows: 4,
        learning_rate: 4e-3,
        warmup_steps: 100,
        clip_norm: 1.0,
        adam: AdamW::default(),
        threads,
    }
}
