//! What the numbers of an evaluation are about.

use ptb_core::evaluation::MetricsProvenance;

use super::plan::Plan;

/// The provenance of the plan's metrics with a token limit.
pub(crate) fn provenance(plan: &Plan, max_tokens: u32) -> MetricsProvenance {
    MetricsProvenance {
        pack: plan.prompter.hash().to_owned(),
        data: plan.data_hash.clone(),
        scorer: "strict".to_owned(),
        samples: plan.items.len() as u32,
        max_tokens,
        ptb_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
