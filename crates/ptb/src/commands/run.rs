//! `ptb run`: runs an experiment.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use ptb_core::files;
use ptb_core::run::{RunFolder, RunSpec};
use ptb_executor::experiment::Experiment;
use ptb_executor::local::{self, FailedRun};
use ptb_executor::results::ResultsFolder;

use super::progress::RunProgress;
use super::{Environment, leaderboard, sandbox};
use crate::failure::{Failure, Outcome, Sort, bad, usage};
use crate::output;

/// Runs an experiment: agents x base models x benchmarks x replicates
///
/// A results folder that has runs already goes on with them: what is done stays.
///
/// Example: ptb run experiment.toml --out results
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The experiment's TOML file
    experiment: PathBuf,
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Folder with further definitions, of the shape of the project's definitions/
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Print the runs and start nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(arguments: &RunArguments, environment: &Environment) -> Outcome {
    let experiment = Experiment::read(&arguments.experiment).usage()?;
    let catalog = Environment::catalog(arguments.definitions.as_deref())?;
    let specs = experiment.expand(&catalog).usage()?;
    if arguments.dry_run {
        return print_plan(&specs);
    }
    run_experiment(&experiment, specs, &ResultsFolder::at(&arguments.out), environment)
}

fn print_plan(specs: &[RunSpec]) -> Outcome {
    let line = |spec: &RunSpec| {
        let agent = spec.agent_id().map_or("base model", |agent| agent.as_str());
        format!("{agent}\t{}\t{}\treplicate {}\n", spec.benchmark.id, spec.base_model.id, spec.replicate)
    };
    output::data(&specs.iter().map(line).collect::<String>())
}

/// Brings all runs of an experiment to their scores and makes the leaderboard.
pub fn run_experiment(
    experiment: &Experiment,
    specs: Vec<RunSpec>,
    results: &ResultsFolder,
    environment: &Environment,
) -> Outcome {
    sandbox::check(experiment.sandbox)?;
    let slots = experiment.executor.slots;
    let equipment = environment.equipment(Some((Environment::cores() / slots).max(1)))?;
    let specs = planned(experiment, specs, results)?;
    let folders = specs.iter().map(|spec| folder_of(spec, results)).collect::<Result<Vec<_>, _>>()?;
    output::say(format!("{} runs, {slots} at a time, in {}", folders.len(), results.root().display()));
    let mut progress = RunProgress::new();
    let failed = local::run_all(&folders, slots, &equipment, &mut progress).bad()?;
    // What failed matters more than a leaderboard that cannot be written, perhaps for the same reason.
    let published = leaderboard::publish(results);
    report(&failed)?;
    published
}

/// The runs of the results folder: those planned when it was first used, else the given ones.
fn planned(experiment: &Experiment, specs: Vec<RunSpec>, results: &ResultsFolder) -> Result<Vec<RunSpec>, Failure> {
    let Some(earlier) = files::read_json_if_present::<Vec<RunSpec>>(&results.plan()).usage()? else {
        files::write_json(&results.plan(), &specs).bad()?;
        return Ok(specs);
    };
    match earlier.first() {
        Some(spec) if spec.experiment == experiment.name => {
            output::say("this folder has runs of the experiment already: going on with them");
            Ok(earlier)
        }
        _ => Err(usage(format!(
            "{} holds the runs of another experiment: give another folder with --out",
            results.root().display()
        ))),
    }
}

fn folder_of(spec: &RunSpec, results: &ResultsFolder) -> Result<PathBuf, Failure> {
    let path = results.runs().join(spec.folder_name());
    if path.is_dir() {
        return Ok(path);
    }
    Ok(RunFolder::create(&results.runs(), spec).bad()?.root().to_owned())
}

fn report(failed: &[FailedRun]) -> Outcome {
    if failed.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} runs did not come to their end; the same command goes on with them:", failed.len());
    for run in failed {
        let _ = write!(text, "\n  {}\n    {}", run.folder.display(), run.error.replace('\n', "\n    "));
    }
    Err(bad(text))
}
