//! `ptb eval`: evaluates one model on one benchmark.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ptb_core::evaluation::Metrics;
use ptb_core::files;
use ptb_core::ids::BenchmarkId;
use ptb_core::seed::FINAL_SEEDS;
use ptb_engine::generate::Limits;
use ptb_eval::data::DataStore;
use ptb_eval::embedded::EmbeddedEngine;
use ptb_eval::evaluation::{
    EvaluationError, EvaluationReport, ModelIdentity, Plan, PlanError, PlanRequest, Progress, evaluate,
};
use ptb_eval::prompt::load_pack;

use super::Environment;
use super::dump::{Asked, dump_requests};
use super::model::{self, Found};
use crate::failure::{Failure, Outcome, Sort, usage};
use crate::output;

/// Evaluates one model on one benchmark
///
/// With --log-dir, an interrupted evaluation goes on at the sample where it stopped.
///
/// Example: ptb eval --benchmark micro-math --model final_model --limit 50 --json-output-file metrics.json
///
/// Example: ptb eval --benchmark gsm8k --model any-name --dump-requests requests.jsonl
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// The benchmark
    #[arg(long)]
    benchmark: BenchmarkId,
    /// A checkpoint folder, or the id of a base model
    #[arg(long, value_name = "PATH|ID")]
    model: String,
    /// Evaluate only the first items
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Seeds; only the first is used when decoding is greedy [default: the first seed of the final evaluation]
    #[arg(long, value_delimiter = ',', value_name = "SEED")]
    seeds: Vec<u64>,
    /// Token limit of an answer [default: the benchmark's]
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Sequences generated at one time
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_batch)]
    max_connections: usize,
    /// Share of the GPU's memory to use; the embedded engine runs on the processor and ignores it
    #[arg(long, value_name = "SHARE")]
    gpu_memory_utilization: Option<f64>,
    /// Folder with chat templates; that of the model's family must be the one that the final evaluation uses
    #[arg(long, value_name = "DIR")]
    templates_dir: Option<PathBuf>,
    /// Wordings of the questions: a pack's name, a TOML file like those of definitions/packs, or a JSON file in the shape of
    /// the reference's wordings
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pack: String,
    /// Folder with definitions that are added to the embedded ones
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Write the requests as JSON Lines, one for each item, and call nothing: the model need not exist
    #[arg(long, value_name = "FILE")]
    dump_requests: Option<PathBuf>,
    /// Write the metrics as JSON
    #[arg(long, value_name = "FILE")]
    json_output_file: Option<PathBuf>,
    /// Keep the logs, in Inspect's format
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Print the metrics as JSON
    #[arg(long)]
    json: bool,
}

pub fn eval(arguments: &EvalArguments, environment: &Environment) -> Outcome {
    let catalog = Environment::catalog(arguments.definitions.as_deref())?;
    let benchmark = catalog.benchmark(&arguments.benchmark).usage()?;
    let pack = load_pack(&arguments.pack, &catalog).usage()?;
    let wording = pack
        .prompts
        .get(benchmark.prompt_name())
        .ok_or_else(|| usage(format!("the pack {} has no wording for {}", pack.id, benchmark.id)))?;
    let store = DataStore::at(environment.cache.data());
    if let Some(path) = &arguments.dump_requests {
        let (limit, max_tokens) = (arguments.limit, arguments.max_tokens);
        let asked = Asked { benchmark, wording, model: &arguments.model, limit, max_tokens };
        return dump_requests(&asked, &store, path);
    }
    let model = model::find(&arguments.model, &catalog, environment)?;
    check_template(arguments.templates_dir.as_deref(), &model)?;
    let seeds = if arguments.seeds.is_empty() { &FINAL_SEEDS[..1] } else { &arguments.seeds[..] };
    let identity = ModelIdentity::of_folder(&*model.name, &model.folder).usage()?;
    let request = PlanRequest {
        benchmark,
        wording,
        model: &identity,
        seeds,
        limit: arguments.limit,
        max_tokens: arguments.max_tokens,
    };
    let plan = Plan::load(&store, &request).map_err(missing_data)?;
    let limits = Limits { max_batch: arguments.max_connections.max(1), ..Limits::default() };
    let engine = EmbeddedEngine::load(&model.folder, model.family, limits).usage()?;
    let metrics = run(&plan, &engine, arguments.log_dir.as_deref())?;
    report(&metrics, arguments)
}

/// Data that was never fetched is missing from the environment; anything else is wrong input.
pub fn missing_data(error: PlanError) -> Failure {
    match error {
        PlanError::Data(_) => Failure::Environment(error.into()),
        _ => Failure::Usage(error.into()),
    }
}

/// A changed template would make the numbers here say nothing about the final evaluation.
fn check_template(folder: Option<&Path>, model: &Found) -> Outcome {
    let Some(folder) = folder else { return Ok(()) };
    for template in [model.family.template(false), model.family.template(true)] {
        let path = folder.join(format!("{template}.jinja"));
        if files::read_text(&path).usage()? != template.source() {
            return Err(usage(format!(
                "{} is not the template that the final evaluation uses: restore it, or leave --templates-dir out",
                path.display()
            )));
        }
    }
    Ok(())
}

fn run(plan: &Plan, engine: &EmbeddedEngine, log_dir: Option<&Path>) -> Result<Metrics, Failure> {
    let temporary;
    let folder = if let Some(folder) = log_dir {
        folder
    } else {
        temporary = tempfile::tempdir().environment()?;
        temporary.path()
    };
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} samples, {eta} left") {
        bar.set_style(style);
    }
    let metrics = evaluate(plan, engine, None, folder, &mut |progress| match progress {
        Progress::SeedStarted { total, reused, .. } => {
            bar.set_length(total as u64);
            bar.set_position(reused as u64);
        }
        Progress::GradingStarted { answers, .. } => {
            bar.set_length(answers as u64);
            bar.set_position(0);
        }
        Progress::SampleDone(_) | Progress::SampleGraded(_) => bar.inc(1),
        Progress::AttemptFailed { error, .. } => bar.suspend(|| output::say(format!("trying again: {error}"))),
    });
    bar.finish_and_clear();
    metrics.map_err(|error| match error {
        EvaluationError::File(_) => Failure::Environment(error.into()),
        _ => Failure::Bad(error.into()),
    })
}

fn report(metrics: &Metrics, arguments: &EvalArguments) -> Outcome {
    let report = EvaluationReport::of(metrics);
    if let Some(path) = &arguments.json_output_file {
        files::write_json(path, &report).environment()?;
    }
    if arguments.json {
        return output::json(&report);
    }
    let error = metrics.mean.standard_error.map_or_else(String::new, |error| format!(" ± {error:.4}"));
    let scored: u32 = metrics.seeds.iter().map(|seed| seed.scored).sum();
    let errors: u32 = metrics.seeds.iter().map(|seed| seed.errors).sum();
    let seconds: f64 = metrics.seeds.iter().map(|seed| seed.seconds).sum();
    output::data(&format!(
        "{} {}: {:.4}{error} ({scored} samples scored, {errors} errors, {seconds:.1} s)\n",
        arguments.benchmark, metrics.metric, metrics.mean.value
    ))
}
