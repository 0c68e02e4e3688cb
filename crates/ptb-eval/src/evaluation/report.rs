//! The result as the file that `--json-output-file` asks for.

use ptb_core::evaluation::{Metrics, MetricsProvenance, SeedMetrics};
use serde::Serialize;
use serde_json::{Map, Value};

/// The result of an evaluation in the shape of the field's evaluation scripts, which write the metric and its standard
/// error under their names: `{"accuracy": 0.5, "stderr": 0.01, ...}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// The metric under its name, and `stderr`.
    #[serde(flatten)]
    values: Map<String, Value>,
    /// The 95 % interval of the metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_95: Option<(f64, f64)>,
    /// Samples with a score, over all seeds.
    scored: u32,
    /// Samples without a score, over all seeds. They are in no metric.
    errors: u32,
    /// Answers cut off by the token limit.
    truncated: u32,
    /// Whether decoding was greedy in effect.
    greedy: bool,
    /// Each seed on its own.
    seeds: Vec<SeedMetrics>,
    /// What the numbers are about.
    provenance: MetricsProvenance,
}

impl EvaluationReport {
    /// The report of these metrics.
    pub fn of(metrics: &Metrics) -> Self {
        let total = |count: fn(&SeedMetrics) -> u32| metrics.seeds.iter().map(count).sum();
        let scored = total(|seed| seed.scored);
        let mut values = Map::new();
        values.insert(metrics.metric.clone(), metrics.mean.value.into());
        values.insert("stderr".to_owned(), metrics.mean.standard_error.into());
        Self {
            values,
            confidence_95: metrics.mean.confidence_95,
            scored,
            errors: total(|seed| seed.errors),
            truncated: total(|seed| seed.truncated),
            greedy: metrics.greedy,
            seeds: metrics.seeds.clone(),
            provenance: metrics.provenance.clone(),
        }
    }
}
