//! `ptb audit`: what the audit finds in a run.

use std::path::PathBuf;

use clap::Args;
use ptb_audit::{AuditReport, render};
use ptb_core::audit::Decision;
use ptb_core::run::{RunFolder, RunKind};
use ptb_executor::stages;
use serde_json::json;

use super::Environment;
use crate::failure::{Outcome, Sort, bad, usage};
use crate::output;

/// Audits a run folder and shows what was found beside the test items; changes nothing
///
/// Ends with exit code 1 when the run is flagged.
///
/// Example: ptb audit demo-out/runs/01JD…-cheat-testset-micro-math-micro-base
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// The run folder
    run: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn audit(arguments: &AuditArguments, environment: &Environment) -> Outcome {
    let (folder, spec) = RunFolder::open(&arguments.run).usage()?;
    if spec.kind == RunKind::Baseline {
        return Err(usage("this run evaluates the base model itself: there is nothing to audit"));
    }
    if !folder.raw_trace().is_file() {
        return Err(usage("the agent of this run has not worked yet: there is nothing to audit"));
    }
    let report = stages::audit_run(&folder, &spec, &environment.cache).bad()?;
    if arguments.json {
        output::json(&json!({ "run": spec.id, "verdict": report.verdict, "findings": report.findings }))?;
    } else {
        output::data(&in_words(&report))?;
    }
    match report.verdict.decision {
        Decision::Clean => Ok(()),
        decision => Err(bad(format!("the run is {decision}: {}", report.verdict.reasons.join("; ")))),
    }
}

fn in_words(report: &AuditReport) -> String {
    let judge = if report.verdict.judge_asked { "" } else { " (no judge was asked)" };
    format!("{}\nverdict: {}{judge}\n", render(&report.findings), report.verdict.decision)
}
