//! `ptb worker`: brings one run to its score.

use std::path::PathBuf;

use clap::Args;
use ptb_executor::worker::{self, WorkerError};

use super::Environment;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Brings one run to its score, going on where an earlier worker stopped
///
/// Example: ptb worker results/runs/01JD…-recipe-sft-micro-math-micro-base
#[derive(Debug, Args)]
pub struct WorkerArguments {
    /// The run folder
    run: PathBuf,
    /// Processor threads of the agent and of the evaluation [default: all]
    #[arg(long)]
    threads: Option<usize>,
}

pub fn worker(arguments: &WorkerArguments, environment: &Environment) -> Outcome {
    let equipment = environment.equipment(arguments.threads)?;
    let score = worker::work(&arguments.run, &equipment).map_err(sort)?;
    let number = score.counted.map_or_else(|| "no score".to_owned(), |counted| format!("{:.4}", counted.value));
    output::say(format!("{number} {}: {}", score.provenance, score.reason));
    Ok(())
}

fn sort(error: WorkerError) -> Failure {
    match error {
        WorkerError::Folder(_) => Failure::Usage(error.into()),
        _ => Failure::Bad(error.into()),
    }
}
