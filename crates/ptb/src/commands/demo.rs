//! `ptb demo`: the whole pipeline on embedded parts.

use std::path::PathBuf;

use clap::Args;
use ptb_core::definitions::Catalog;
use ptb_executor::cache::Cache;
use ptb_executor::experiment::Experiment;
use ptb_executor::results::ResultsFolder;

use super::{Environment, run, sandbox};
use crate::failure::{Outcome, Sort};

const EXPERIMENT: &str = include_str!("../../../../definitions/experiments/demo.toml");

/// The whole pipeline on embedded parts: a micro model, a micro benchmark, an honest agent and a cheat
///
/// Needs no GPU, no keys, no container engine and no network, and at most three minutes.
///
/// Example: ptb demo --out demo-out
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "demo-out")]
    out: PathBuf,
    /// How the agents are isolated
    #[arg(long, value_enum, default_value_t)]
    sandbox: sandbox::Choice,
}

pub fn demo(arguments: &DemoArguments, environment: &Environment) -> Outcome {
    let mut experiment = Experiment::parse("demo.toml", EXPERIMENT).usage()?;
    experiment.sandbox = arguments.sandbox.into();
    let specs = experiment.expand(&Catalog::embedded().usage()?).usage()?;
    let results = ResultsFolder::at(&arguments.out);
    let own_cache = Environment { cache: Cache::at(results.root().join("cache")), ..environment.clone() };
    run::run_experiment(&experiment, specs, &results, &own_cache)
}
