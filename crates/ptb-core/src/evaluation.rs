//! Metrics of an evaluation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A number and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error; absent where it cannot be known.
    pub standard_error: Option<f64>,
    /// Its 95 % interval, where one was computed that does not follow from the standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence_95: Option<(f64, f64)>,
}

impl Estimate {
    /// A value and its standard error, where it is known.
    pub const fn new(value: f64, standard_error: Option<f64>) -> Self {
        Self { value, standard_error, confidence_95: None }
    }
}

/// `metrics.json`: the result of an evaluation over all its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Name of the metric, such as `accuracy`.
    pub metric: String,
    /// Mean over the seeds.
    pub mean: Estimate,
    /// One entry for each seed, in the order in which they ran.
    pub seeds: Vec<SeedMetrics>,
    /// Whether decoding was greedy in effect, so that one seed is enough.
    pub greedy: bool,
    /// What the numbers are about; numbers of different provenance must not share a leaderboard column.
    pub provenance: MetricsProvenance,
}

/// The result of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedMetrics {
    /// The seed.
    pub seed: u64,
    /// Mean over the samples and its standard error.
    pub estimate: Estimate,
    /// Samples with a score.
    pub scored: u32,
    /// Samples that could not be scored.
    pub errors: u32,
    /// Of these, samples with an answer that has no grade yet, which is the grader's failure and not the model's.
    #[serde(default)]
    pub ungraded: u32,
    /// Of these, samples that a judge gave no verdict on, as often as it was asked; they do not count, as in the
    /// reference.
    #[serde(default)]
    pub left_out: u32,
    /// Samples whose answer was cut off by the token limit.
    pub truncated: u32,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Tokens of all prompts.
    pub input_tokens: u64,
    /// Tokens of all answers.
    pub output_tokens: u64,
    /// What the judge cost, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_cost_usd: Option<f64>,
    /// Means of parts of the benchmark, such as the themes of a rubric.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, f64>,
}

/// What makes two metrics comparable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsProvenance {
    /// SHA-256 of the prompt wordings and settings.
    pub pack: String,
    /// SHA-256 of the test data.
    pub data: String,
    /// Which scorer, such as `strict`.
    pub scorer: String,
    /// Number of samples asked for; fewer than the data set's with a limit.
    pub samples: u32,
    /// Token limit of an answer.
    pub max_tokens: u32,
    /// Version of `ptb`.
    pub ptb_version: String,
}
