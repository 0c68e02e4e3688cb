//! `ptb eval`: evaluates one model on one benchmark.

mod dump;
mod model;
mod progress;
mod report;
mod setup;

use std::path::{Path, PathBuf};

use clap::Args;
use ptb_core::evaluation::Metrics;
use ptb_eval::data::DataStore;
use ptb_eval::engine::Engine;
use ptb_eval::evaluation::{EvaluationError, Plan, PlanError, evaluate};
use ptb_eval::grader::Grader;
use ptb_eval::graders::{GraderError, grader_for};

use self::model::Subject;
use self::progress::Bar;
use self::setup::{Questions, Setup};
use super::Environment;
use crate::failure::{Failure, Outcome, Sort};
use crate::output;

/// Evaluates one model on one benchmark
///
/// With --log-dir, an interrupted evaluation goes on at the sample where it stopped.
///
/// Example: ptb eval --benchmark micro-math --model final_model --limit 50 --json-output-file metrics.json
///
/// Example: ptb eval --benchmark gsm8k --model final_model --engine vllm --log-dir logs
///
/// Example: ptb eval --benchmark gsm8k --endpoint http://127.0.0.1:8000/v1 --model final_model
///
/// Example: ptb eval --resume logs
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "the help shows the text as it is")]
pub struct EvalArguments {
    #[command(flatten)]
    setup: Setup,
    /// Keep the logs, in Inspect's format
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Go on with the evaluation in this log folder; everything but the output options is taken from there
    #[arg(long, value_name = "DIR", conflicts_with = "log_dir")]
    resume: Option<PathBuf>,
    /// Write the requests as JSON Lines and ask nobody; the model's name may be any
    #[arg(long, value_name = "FILE")]
    dump_requests: Option<PathBuf>,
    /// Write the metrics as JSON
    #[arg(long, value_name = "FILE")]
    json_output_file: Option<PathBuf>,
    /// Print the metrics as JSON
    #[arg(long)]
    json: bool,
}

pub fn eval(arguments: &EvalArguments, environment: &Environment) -> Outcome {
    let setup = match &arguments.resume {
        Some(folder) => setup::resume(folder)?,
        None => arguments.setup.clone(),
    };
    let questions = Questions::find(&setup)?;
    if let Some(path) = &arguments.dump_requests {
        return dump::dump(path, &setup, &questions, environment);
    }
    let folder = LogFolder::choose(arguments, &setup, &questions)?;
    let subject = Subject::find(&setup, &questions.catalog, environment)?;
    let plan = plan(&setup, &questions, &subject, environment)?;
    setup.store(folder.path())?;
    let metrics = {
        let engine = subject.engine(&setup, &questions.benchmark, folder.path())?;
        let grader = grader_for(&questions.benchmark, &questions.wording).map_err(grader_failure)?;
        run(&plan, &*engine, grader.as_deref(), folder.path())?
    };
    report::report(&metrics, &questions.benchmark.id, arguments.json_output_file.as_deref(), arguments.json)
}

fn plan(setup: &Setup, questions: &Questions, subject: &Subject, environment: &Environment) -> Result<Plan, Failure> {
    let store = DataStore::at(environment.cache.data());
    Plan::load(&store, &setup.request(questions, &subject.identity)).map_err(missing_data)
}

/// Data that was never fetched is missing from the environment; anything else is wrong input.
fn missing_data(error: PlanError) -> Failure {
    match error {
        PlanError::Data(_) => Failure::Environment(error.into()),
        _ => Failure::Usage(error.into()),
    }
}

fn grader_failure(error: GraderError) -> Failure {
    if error.is_environment() { Failure::Environment(error.into()) } else { Failure::Usage(error.into()) }
}

/// Where the logs go.
enum LogFolder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl LogFolder {
    /// The folder that was asked for. What a judge is paid for is kept in any case.
    fn choose(arguments: &EvalArguments, setup: &Setup, questions: &Questions) -> Result<Self, Failure> {
        let asked = arguments.resume.as_ref().or(arguments.log_dir.as_ref());
        if let Some(folder) = asked {
            return Ok(Self::Kept(folder.clone()));
        }
        if questions.benchmark.grading_costs_money {
            let folder = PathBuf::from(format!("eval-{}-{}", questions.benchmark.id, setup.model_component()));
            output::say(format!("logs: {}", folder.display()));
            return Ok(Self::Kept(folder));
        }
        Ok(Self::Temporary(tempfile::tempdir().environment()?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

fn run(plan: &Plan, engine: &dyn Engine, grader: Option<&dyn Grader>, folder: &Path) -> Result<Metrics, Failure> {
    let bar = Bar::new();
    let metrics = evaluate(plan, engine, grader, folder, &mut |progress| bar.show(progress));
    bar.finish();
    metrics.map_err(|error| match error {
        EvaluationError::File(_) | EvaluationError::EngineUnavailable(_) => Failure::Environment(error.into()),
        EvaluationError::GraderUnavailable(_) => {
            let advice = format!("go on with: ptb eval --resume {}", folder.display());
            Failure::Environment(anyhow::Error::new(error).context(advice))
        }
        _ => Failure::Bad(error.into()),
    })
}
