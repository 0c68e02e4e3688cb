//! The result of an evaluation.

use std::path::Path;

use ptb_core::evaluation::{Metrics, SeedMetrics};
use ptb_core::files;
use ptb_core::ids::BenchmarkId;
use ptb_eval::evaluation::EvaluationReport;

use crate::failure::{Outcome, Sort};
use crate::output;

/// Writes and prints the metrics.
pub fn report(metrics: &Metrics, benchmark: &BenchmarkId, file: Option<&Path>, json: bool) -> Outcome {
    let report = EvaluationReport::of(metrics);
    if let Some(path) = file {
        files::write_json(path, &report).environment()?;
    }
    if json { output::json(&report) } else { output::data(&line(metrics, benchmark)) }
}

fn line(metrics: &Metrics, benchmark: &BenchmarkId) -> String {
    let error = metrics.mean.standard_error.map_or_else(String::new, |error| format!(" ± {error:.4}"));
    let total = |count: fn(&SeedMetrics) -> u32| metrics.seeds.iter().map(count).sum::<u32>();
    let (scored, errors) = (total(|seed| seed.scored), total(|seed| seed.errors));
    let seconds: f64 = metrics.seeds.iter().map(|seed| seed.seconds).sum();
    let costs: Vec<f64> = metrics.seeds.iter().filter_map(|seed| seed.judge_cost_usd).collect();
    let cost = if costs.is_empty() { String::new() } else { format!(", judge ${:.2}", costs.iter().sum::<f64>()) };
    format!(
        "{benchmark} {}: {:.4}{error} ({scored} samples scored, {errors} errors, {seconds:.1} s{cost})\n",
        metrics.metric, metrics.mean.value
    )
}
