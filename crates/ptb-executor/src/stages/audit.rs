//! Audit: looks for cheating in what the run left.

use ptb_audit::{AuditInput, AuditReport, Policy, TestItem, audit};
use ptb_core::definitions::Split;
use ptb_core::files;
use ptb_core::run::{RunFolder, RunSpec};
use ptb_eval::data::DataStore;

use super::StageError;
use crate::cache::Cache;
use crate::worker::Equipment;

pub fn run(folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<String, StageError> {
    let report = audit_run(folder, spec, &equipment.cache)?;
    files::write_json(&folder.findings_path(), &report.findings)?;
    files::write_json(&folder.verdict_path(), &report.verdict)?;
    let verdict = &report.verdict;
    Ok(match verdict.reasons.as_slice() {
        [] => verdict.decision.to_string(),
        reasons => format!("{}: {}", verdict.decision, reasons.join("; ")),
    })
}

/// Audits what a run left, without changing anything.
pub fn audit_run(folder: &RunFolder, spec: &RunSpec, cache: &Cache) -> Result<AuditReport, StageError> {
    let items = DataStore::at(cache.data())
        .items(&spec.benchmark, Split::Test)
        .map_err(|error| StageError::Audit(error.to_string()))?;
    let test_items: Vec<_> = items
        .into_iter()
        .map(|item| TestItem { id: item.id, question: item.question, answer: item.answer, target: item.target })
        .collect();
    let base_model = cache.base_model(&spec.base_model)?;
    let submission = Some(folder.submission()).filter(|submission| submission.is_dir());
    let input = AuditInput {
        workspace: &folder.workspace(),
        submission: submission.as_deref(),
        raw_trace: &folder.raw_trace(),
        prepared: &folder.prepared(),
        base_model: &base_model,
        expected_architecture: &spec.base_model.architecture,
        test_items: &test_items,
        known_models: &[],
    };
    Ok(audit(&input, &Policy::default()))
}
