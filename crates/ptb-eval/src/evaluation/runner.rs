//! All seeds of an evaluation, tried again when the engine fails.

use std::path::Path;

use jiff::Timestamp;
use ptb_core::evaluation::{Estimate, Metrics, SeedMetrics};

use super::cascade::{FailedAttempt, Failures, Rung};
use super::error::EvaluationError;
use super::metrics::{clustered_interval, mean_over_seeds};
use super::plan::Plan;
use super::provenance::provenance;
use super::sample::SampleRecord;
use super::seed_run::{SeedFailure, SeedResult, SeedRun};
use crate::engine::Engine;
use crate::grader::Grader;
use crate::judge::CostEstimate;

/// What an evaluation reports while it works.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A seed begins, or goes on.
    SeedStarted {
        /// The seed.
        seed: u64,
        /// Token limit of an answer.
        max_tokens: u32,
        /// Samples of the seed.
        total: usize,
        /// Samples taken over from an earlier start.
        reused: usize,
    },
    /// A sample has an answer, and a score where a look at the answer is enough.
    SampleDone(&'a SampleRecord),
    /// Answers are graded by running code or by a judge.
    GradingStarted {
        /// The seed.
        seed: u64,
        /// Answers without a score.
        answers: usize,
        /// What grades them.
        grader: &'a str,
        /// What that will cost, where it costs something.
        expected_cost: Option<CostEstimate>,
    },
    /// An answer was graded.
    SampleGraded(&'a SampleRecord),
    /// The engine failed; what follows is another attempt or the end.
    AttemptFailed {
        /// The seed that was running.
        seed: u64,
        /// The token limit that was in force.
        max_tokens: u32,
        /// The engine's error.
        error: &'a str,
    },
}

/// Scores the plan's model with an engine that runs it. `folder` is the evaluation's folder, `eval` of a run. The grader
/// grades what a look at the answer cannot; benchmarks that need none have none.
///
/// Samples that cannot be scored are counted in the metrics, not scored as zero, and are asked again when the same
/// evaluation starts again; the caller decides whether metrics with errors count.
pub fn evaluate(
    plan: &Plan,
    engine: &dyn Engine,
    grader: Option<&dyn Grader>,
    folder: &Path,
    observer: &mut dyn FnMut(Progress<'_>),
) -> Result<Metrics, EvaluationError> {
    let failures_path = folder.join("failures.json");
    let mut failures = Failures::read(&failures_path, &plan.hash(engine.name()))?;
    while let Some(rung) = failures.next(&plan.rungs) {
        let (seed, error) = match attempt(plan, engine, grader, folder, rung, observer) {
            Ok(results) => return metrics(plan, engine, rung, results),
            Err((_, SeedFailure::Fatal(error))) => return Err(error),
            Err((seed, SeedFailure::Engine(error))) => (seed, error),
        };
        observer(Progress::AttemptFailed { seed, max_tokens: rung.max_tokens, error: &error });
        let attempt = FailedAttempt { time: Timestamp::now(), max_tokens: rung.max_tokens, seed, error };
        failures.add(&failures_path, attempt, &plan.rungs)?;
    }
    Err(exhausted(&failures))
}

fn exhausted(failures: &Failures) -> EvaluationError {
    let last = failures.attempts.last();
    EvaluationError::Exhausted {
        attempts: failures.attempts.len(),
        max_tokens: last.map_or(0, |attempt| attempt.max_tokens),
        last: last.map_or_else(String::new, |attempt| attempt.error.clone()),
    }
}

/// The seeds that are needed: sampling differs from seed to seed, greedy decoding does not.
fn seeds<'a>(plan: &'a Plan, engine: &dyn Engine) -> &'a [u64] {
    let count = if engine.is_greedy() || plan.benchmark.grading_costs_money { 1 } else { plan.seeds.len() };
    &plan.seeds[..count]
}

fn attempt(
    plan: &Plan,
    engine: &dyn Engine,
    grader: Option<&dyn Grader>,
    folder: &Path,
    rung: Rung,
    observer: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<SeedResult>, (u64, SeedFailure)> {
    let run_seed = |seed: &u64| {
        let folder = folder.join(seed.to_string());
        let run = SeedRun { plan, engine, grader, seed: *seed, max_tokens: rung.max_tokens, folder: &folder };
        run.run(observer).map_err(|failure| (*seed, failure))
    };
    seeds(plan, engine).iter().map(run_seed).collect()
}

fn metrics(plan: &Plan, engine: &dyn Engine, rung: Rung, results: Vec<SeedResult>) -> Result<Metrics, EvaluationError> {
    let (seeds, scores): (Vec<_>, Vec<_>) = results.into_iter().map(|result| (result.metrics, result.scores)).unzip();
    let nothing = || EvaluationError::NothingScored { seed: 0, samples: plan.items.len(), first: String::new() };
    Ok(Metrics {
        metric: plan.benchmark.metric.name().to_owned(),
        mean: mean(&seeds, &scores).ok_or_else(nothing)?,
        seeds,
        greedy: engine.is_greedy(),
        provenance: provenance(plan, rung.max_tokens),
    })
}

/// The mean over the seeds; what one seed says is taken over as it is.
fn mean(seeds: &[SeedMetrics], scores: &[Vec<Option<f64>>]) -> Option<Estimate> {
    if let [only] = seeds {
        return Some(only.estimate);
    }
    let mean = mean_over_seeds(scores)?;
    let samples = scores.iter().map(Vec::len).max()?;
    Some(Estimate { confidence_95: Some(clustered_interval(mean, samples)), ..mean })
}
