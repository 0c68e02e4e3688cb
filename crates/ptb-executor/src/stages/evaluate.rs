//! Evaluate: scores the submission, or the base model itself, on the full benchmark.
//!
//! The chat template follows from the base model's family, never from the submission.

use std::path::{Path, PathBuf};

use ptb_core::evaluation::Metrics;
use ptb_core::files;
use ptb_core::run::{RunFolder, RunKind, RunSpec};
use ptb_eval::choice::{ChoiceError, EngineSettings, LocalModel, choose};
use ptb_eval::data::DataStore;
use ptb_eval::engine::Engine;
use ptb_eval::evaluation::{EvaluationError, ModelIdentity, Plan, PlanRequest, evaluate};
use ptb_eval::graders::grader_for;
use serde::{Deserialize, Serialize};

use super::StageError;
use crate::worker::Equipment;

/// `eval/failure.json`: why the submission could not be evaluated. That is the agent's problem, not the bench's.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    reason: String,
}

/// Why there are no metrics.
enum Unevaluated {
    /// The model cannot be evaluated.
    Model(String),
    /// The bench failed.
    Bench(StageError),
}

impl From<EvaluationError> for Unevaluated {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::Exhausted { .. } | EvaluationError::NothingScored { .. } => Self::Model(error.to_string()),
            EvaluationError::Plan(_)
            | EvaluationError::File(_)
            | EvaluationError::EngineUnavailable(_)
            | EvaluationError::GraderUnavailable(_)
            | EvaluationError::Grader(_) => Self::Bench(StageError::Evaluation(error.to_string())),
        }
    }
}

pub fn run(folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<String, StageError> {
    files::remove_all(&folder.metrics_path())?;
    files::remove_all(&folder.evaluation_failure())?;
    let Some(model) = model_folder(folder, spec, equipment)? else {
        return Ok("there is no submission to evaluate".to_owned());
    };
    match metrics(&model, folder, spec, equipment) {
        Ok(metrics) => {
            files::write_json(&folder.metrics_path(), &metrics)?;
            let seeds = metrics.seeds.len();
            Ok(format!("{} {:.4} over {seeds} seed{}", metrics.metric, metrics.mean.value, plural(seeds)))
        }
        Err(Unevaluated::Model(reason)) if spec.kind == RunKind::Agent => {
            let summary = format!("the submission cannot be evaluated: {reason}");
            files::write_json(&folder.evaluation_failure(), &Failure { reason })?;
            Ok(summary)
        }
        Err(Unevaluated::Model(reason)) => {
            Err(StageError::Evaluation(format!("the base model cannot be evaluated: {reason}")))
        }
        Err(Unevaluated::Bench(error)) => Err(error),
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The model to evaluate; none where the agent left none.
fn model_folder(folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<Option<PathBuf>, StageError> {
    match spec.kind {
        RunKind::Baseline => Ok(Some(equipment.cache.base_model(&spec.base_model)?)),
        RunKind::Agent => Ok(Some(folder.submission()).filter(|submission| submission.is_dir())),
    }
}

fn metrics(model: &Path, folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<Metrics, Unevaluated> {
    let identity =
        ModelIdentity::of_folder(model_name(spec), model).map_err(|error| Unevaluated::Bench(error.into()))?;
    let request = PlanRequest {
        benchmark: &spec.benchmark,
        wording: &spec.prompt,
        model: &identity,
        seeds: &spec.evaluation.seeds,
        limit: spec.evaluation.limit,
        max_tokens: None,
    };
    let plan = Plan::load(&DataStore::at(equipment.cache.data()), &request)
        .map_err(|error| Unevaluated::Bench(StageError::Evaluation(error.to_string())))?;
    check_architecture(model, spec)?;
    let engine = engine(model, spec, folder).map_err(|error| Unevaluated::Model(error.to_string()))?;
    let grader = grader_for(&spec.benchmark, &spec.prompt)
        .map_err(|error| Unevaluated::Bench(StageError::Evaluation(error.to_string())))?;
    let metrics = evaluate(&plan, &*engine, grader.as_deref(), &folder.evaluation(), &mut |_| ())?;
    let ungraded: u32 = metrics.seeds.iter().map(|seed| seed.ungraded).sum();
    if ungraded > 0 {
        let message = format!("{ungraded} answers could not be graded: see eval/<seed>/log.json, then start again");
        return Err(Unevaluated::Bench(StageError::Evaluation(message)));
    }
    let errors: u32 = metrics.seeds.iter().map(|seed| seed.errors - seed.left_out).sum();
    if errors > 0 {
        // A mean over the samples that happened to work would be a number about another benchmark.
        return Err(Unevaluated::Model(format!("{errors} samples could not be scored: see eval/<seed>/log.json")));
    }
    Ok(metrics)
}

/// The engine that the run's spec names.
fn engine<'a>(model: &'a Path, spec: &'a RunSpec, folder: &RunFolder) -> Result<Box<dyn Engine + 'a>, ChoiceError> {
    let settings = EngineSettings {
        engine: spec.evaluation.engine,
        connections: None,
        gpu_memory: None,
        send_seed: true,
        server_log: folder.evaluation().join("server.log"),
    };
    let model = LocalModel { name: "submission", folder: model, family: spec.base_model.family };
    choose(model, &spec.benchmark, &settings, &|_| ())
}

fn model_name(spec: &RunSpec) -> String {
    match spec.kind {
        RunKind::Baseline => spec.base_model.id.to_string(),
        RunKind::Agent => format!("submission of {}", spec.id),
    }
}

/// The submission must name the base model's architecture: another one could bring another template or tokenizer.
fn check_architecture(model: &Path, spec: &RunSpec) -> Result<(), Unevaluated> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        architectures: Vec<String>,
    }
    let path = model.join("config.json");
    let config: Config = files::read_json(&path).map_err(|error| Unevaluated::Model(error.to_string()))?;
    let expected = &spec.base_model.architecture;
    if config.architectures == [expected.as_str()] {
        return Ok(());
    }
    Err(Unevaluated::Model(format!(
        "config.json names the architectures {:?}, the base model's is {expected}",
        config.architectures
    )))
}
