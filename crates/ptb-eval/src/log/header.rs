//! What a log says about the evaluation as a whole. Names of types and fields follow Inspect's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ptb_core::evaluation::MetricsProvenance;
use serde::Serialize;

use super::write::{LogStatus, SeedLog};
use crate::evaluation::SampleRecord;

/// Tokens used.
#[expect(clippy::struct_field_names, reason = "the names are Inspect's")]
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Usage {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) total_tokens: u64,
}

impl Usage {
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a SampleRecord>) -> Self {
        records.filter_map(SampleRecord::completion).fold(Self::default(), |sum, completion| Self {
            input_tokens: sum.input_tokens + completion.input_tokens,
            output_tokens: sum.output_tokens + completion.output_tokens,
            total_tokens: sum.total_tokens + completion.input_tokens + completion.output_tokens,
        })
    }
}

/// An error; there are no Python tracebacks here.
#[derive(Debug, Serialize)]
pub(super) struct Error {
    message: String,
    traceback: &'static str,
    traceback_ansi: &'static str,
}

impl Error {
    pub(super) fn new(message: String) -> Self {
        Self { message, traceback: "", traceback_ansi: "" }
    }
}

#[derive(Serialize)]
pub(super) struct Evaluation<'a> {
    eval_id: &'a str,
    run_id: &'a str,
    created: Timestamp,
    task: &'a str,
    task_id: &'a str,
    task_version: u32,
    task_display_name: &'a str,
    dataset: Dataset<'a>,
    model: String,
    model_generate_config: GenerateConfig,
    config: Config,
    packages: BTreeMap<&'static str, &'static str>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Dataset<'a> {
    name: &'a str,
    samples: usize,
    sample_ids: Vec<&'a str>,
    shuffled: bool,
}

#[derive(Serialize)]
struct GenerateConfig {
    max_tokens: u32,
}

#[derive(Serialize)]
struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    epochs: u32,
    fail_on_error: bool,
    continue_on_fail: bool,
}

/// What Inspect has no place for.
#[derive(Serialize)]
struct Metadata<'a> {
    seed: u64,
    model_hash: &'a str,
    settings: &'a str,
    provenance: &'a MetricsProvenance,
}

impl<'a> Evaluation<'a> {
    pub(super) fn of(log: &'a SeedLog<'a>) -> Self {
        // Ids that are derived, not drawn, make a resumed log equal to an undisturbed one.
        let id = log.settings.get(..22).unwrap_or(log.settings);
        Self {
            eval_id: log.settings,
            run_id: id,
            created: log.created,
            task: log.plan.benchmark.id.as_str(),
            task_id: id,
            task_version: 1,
            task_display_name: &log.plan.benchmark.title,
            dataset: Dataset {
                name: log.plan.benchmark.id.as_str(),
                samples: log.plan.items.len(),
                sample_ids: log.plan.items.iter().map(|item| item.id.as_str()).collect(),
                shuffled: false,
            },
            model: log.model(),
            model_generate_config: GenerateConfig { max_tokens: log.provenance.max_tokens },
            config: Config { limit: log.plan.limit, epochs: 1, fail_on_error: false, continue_on_fail: true },
            packages: BTreeMap::from([("ptb", env!("CARGO_PKG_VERSION"))]),
            metadata: Metadata {
                seed: log.seed,
                model_hash: &log.plan.model.hash,
                settings: log.settings,
                provenance: &log.provenance,
            },
        }
    }
}

#[derive(Serialize)]
pub(super) struct Solver {
    name: &'static str,
    steps: Vec<Step>,
    config: GenerateConfig,
}

#[derive(Serialize)]
struct Step {
    solver: &'static str,
    params: BTreeMap<&'static str, String>,
}

impl Solver {
    pub(super) fn of(log: &SeedLog<'_>) -> Self {
        let step = |solver| Step { solver, params: BTreeMap::new() };
        Self {
            name: "plan",
            steps: vec![step(solver_name(log.plan.benchmark.solver)), step("generate")],
            config: GenerateConfig { max_tokens: log.provenance.max_tokens },
        }
    }
}

fn solver_name(solver: ptb_core::definitions::Solver) -> &'static str {
    match solver {
        ptb_core::definitions::Solver::Question => "prompt_template",
        ptb_core::definitions::Solver::MultipleChoice => "multiple_choice",
        ptb_core::definitions::Solver::Conversation => "conversation",
        ptb_core::definitions::Solver::FunctionCall => "use_tools",
    }
}

#[derive(Serialize)]
pub(super) struct Results {
    total_samples: usize,
    completed_samples: u32,
    scores: Vec<Score>,
}

#[derive(Serialize)]
struct Score {
    name: &'static str,
    scorer: &'static str,
    scored_samples: u32,
    unscored_samples: u32,
    params: BTreeMap<&'static str, String>,
    metrics: BTreeMap<String, Metric>,
}

#[derive(Serialize)]
struct Metric {
    name: String,
    value: f64,
    params: BTreeMap<&'static str, String>,
}

impl Results {
    pub(super) fn of(log: &SeedLog<'_>) -> Option<Self> {
        let LogStatus::Done(seed) = log.status else { return None };
        let name = log.plan.benchmark.scorer.name();
        let values = [
            Some((log.plan.benchmark.metric.name(), seed.estimate.value)),
            seed.estimate.standard_error.map(|error| ("stderr", error)),
        ];
        let metric = |(name, value): (&str, f64)| {
            (name.to_owned(), Metric { name: name.to_owned(), value, params: BTreeMap::new() })
        };
        let score = Score {
            name,
            scorer: name,
            scored_samples: seed.scored,
            unscored_samples: seed.errors,
            params: BTreeMap::new(),
            metrics: values.into_iter().flatten().map(metric).collect(),
        };
        Some(Self { total_samples: log.plan.items.len(), completed_samples: seed.scored, scores: vec![score] })
    }
}

#[derive(Serialize)]
pub(super) struct Statistics {
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    model_usage: BTreeMap<String, Usage>,
}

impl Statistics {
    pub(super) fn of<'a>(log: &SeedLog<'_>, record: &dyn Fn(&str) -> Option<&'a SampleRecord>) -> Self {
        let records = log.plan.items.iter().filter_map(|item| record(&item.id));
        let completed = !matches!(log.status, LogStatus::Started);
        Self {
            started_at: log.created,
            completed_at: completed.then_some(log.completed),
            model_usage: BTreeMap::from([(log.model(), Usage::of(records))]),
        }
    }
}
