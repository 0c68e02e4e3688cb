//! `ptb eval --dump-requests`: what would be asked, without asking it.

use std::path::Path;

use ptb_core::definitions::{BenchmarkDefinition, PromptWording};
use ptb_core::files;
use ptb_core::seed::FINAL_SEEDS;
use ptb_eval::data::DataStore;
use ptb_eval::endpoint::request_body;
use ptb_eval::evaluation::{ModelIdentity, Plan, PlanRequest};
use serde_json::json;

use super::eval::missing_data;
use crate::failure::{Outcome, Sort};
use crate::output;

/// Whose requests are written.
pub struct Asked<'a> {
    pub benchmark: &'a BenchmarkDefinition,
    pub wording: &'a PromptWording,
    /// Name of the model in the requests.
    pub model: &'a str,
    pub limit: Option<u32>,
    pub max_tokens: Option<u32>,
}

/// Writes one line for each item. Seeds are left out, as they differ from sample to sample and run to run.
pub fn dump_requests(asked: &Asked<'_>, store: &DataStore, path: &Path) -> Outcome {
    let Asked { benchmark, wording, model, limit, max_tokens } = *asked;
    let identity = ModelIdentity { name: model.to_owned(), hash: String::new() };
    let seeds = &FINAL_SEEDS[..1];
    let request = PlanRequest { benchmark, wording, model: &identity, seeds, limit, max_tokens };
    let plan = Plan::load(store, &request).map_err(missing_data)?;
    let mut lines = String::new();
    for (index, item) in plan.items().iter().enumerate() {
        let request = plan.request(index, plan.max_tokens(), seeds[0]);
        let line = json!({ "sample_id": item.id, "request": request_body(model, &request, false) });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    files::write_atomic(path, lines.as_bytes()).environment()?;
    output::say(format!("{} requests of {} in {}", plan.items().len(), benchmark.id, path.display()));
    Ok(())
}
