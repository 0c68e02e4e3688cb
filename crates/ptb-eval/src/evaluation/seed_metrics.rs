//! The metrics of one seed from its samples.

use std::collections::{BTreeMap, HashMap};

use ptb_core::definitions::{MetricName, ScorerDefinition};
use ptb_core::evaluation::{Estimate, SeedMetrics};

use super::metrics::{mean_with_error, wilson_interval};
use super::plan::Plan;
use super::sample::SampleRecord;
use crate::data::Item;
use crate::engine::Completion;
use crate::judge::{self, RatedAnswer, rubric_parts};

/// The metrics of one seed; none where no sample has a score.
pub(crate) fn seed_metrics(plan: &Plan, seed: u64, records: &[&SampleRecord], seconds: f64) -> Option<SeedMetrics> {
    let scored = records.iter().filter(|record| record.score().is_some()).count();
    let tokens =
        |count: fn(&Completion) -> u64| records.iter().filter_map(|record| record.completion()).map(count).sum();
    Some(SeedMetrics {
        seed,
        estimate: estimate(plan.benchmark.metric, records)?,
        scored: scored as u32,
        errors: (records.len() - scored) as u32,
        left_out: records.iter().filter(|record| record.is_left_out()).count() as u32,
        ungraded: records.iter().filter(|record| record.is_ungraded()).count() as u32,
        truncated: records.iter().filter(|record| record.is_truncated()).count() as u32,
        seconds,
        input_tokens: tokens(|completion| completion.input_tokens),
        output_tokens: tokens(|completion| completion.output_tokens),
        judge_cost_usd: judge_cost(records),
        parts: parts(plan, records),
    })
}

fn judge_cost(records: &[&SampleRecord]) -> Option<f64> {
    let mut costs = records
        .iter()
        .flat_map(|record| record.earlier_exchanges.iter().chain(record.exchanges()))
        .map(|exchange| exchange.cost_usd)
        .peekable();
    costs.peek()?;
    Some(costs.sum())
}

fn estimate(metric: MetricName, records: &[&SampleRecord]) -> Option<Estimate> {
    let scores: Vec<f64> = records.iter().filter_map(|record| record.score()).collect();
    match metric {
        MetricName::Accuracy => {
            let estimate = mean_with_error(&scores)?;
            let confidence_95 = Some(wilson_interval(estimate.value, scores.len() as f64));
            Some(Estimate { confidence_95, ..estimate })
        }
        MetricName::ClippedMean => judge::clipped_mean_with_bootstrap_error(&scores),
        MetricName::WinRate => {
            let votes: Vec<f64> =
                records.iter().filter_map(|record| record.scored()).flat_map(|scored| scored.votes.clone()).collect();
            judge::mean_with_error(&votes)
        }
    }
}

/// Themes and axes of a rubric.
fn parts(plan: &Plan, records: &[&SampleRecord]) -> BTreeMap<String, f64> {
    if plan.benchmark.scorer != ScorerDefinition::Rubric {
        return BTreeMap::new();
    }
    let items: HashMap<&str, &Item> = plan.items.iter().map(|item| (item.id.as_str(), item)).collect();
    let rated = records.iter().filter_map(|record| {
        let item = items.get(record.id.as_str())?;
        Some(RatedAnswer::new(item, record.score()?, record.exchanges()))
    });
    rubric_parts(&rated.collect::<Vec<_>>())
}
