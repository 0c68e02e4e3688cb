//! The audit of one run: evidence in, findings and a verdict out.

use std::collections::HashSet;
use std::path::Path;

use ptb_core::audit::{Detector, Evidence, Finding, Severity, Verdict};

use crate::contamination::{self, Overlaps};
use crate::excerpt::excerpt;
use crate::flow::{Flow, FlowSources};
use crate::item::{KnownModel, TestItem};
use crate::lineage;
use crate::overlap::Index;
use crate::policy::{Policy, decide};
use crate::scan::scan_entries;
use crate::tampering;
use crate::trace::{self, Trace};
use crate::workspace::{self, Skipped};

/// Largest script whose text is read for the data flow.
const MOST_SCRIPT: u64 = 4 << 20;

/// What a run left, and what to hold it against.
#[derive(Debug, Clone, Copy)]
pub struct AuditInput<'a> {
    /// The folder the agent worked in. Hostile.
    pub workspace: &'a Path,
    /// The collected submission; none if nothing was submitted. Hostile.
    pub submission: Option<&'a Path>,
    /// The trace, each line with a time. Hostile.
    pub raw_trace: &'a Path,
    /// The harness files as they were laid out, with the same relative paths as in the workspace.
    pub prepared: &'a Path,
    /// The base model's checkpoint folder.
    pub base_model: &'a Path,
    /// The base model's architecture, as `config.json` names it; empty if it is not to be checked.
    pub expected_architecture: &'a str,
    /// The test items of the run's benchmark. Their ids start with the benchmark's name and `/`.
    pub test_items: &'a [TestItem],
    /// Models that the submission could have been taken from.
    pub known_models: &'a [KnownModel],
}

/// What the audit says.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditReport {
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
    /// What follows from it.
    pub verdict: Verdict,
}

/// Audits a run with all detectors. What the agent left cannot make this fail: unreadable evidence is a finding.
pub fn audit(input: &AuditInput<'_>, policy: &Policy) -> AuditReport {
    let mut findings = overlap(input, policy);
    findings.extend(tampering::harness(input.prepared, input.workspace, policy));
    let mut detectors = vec![Detector::Overlap, Detector::Tampering];
    if let Some(submission) = input.submission {
        findings.extend(tampering::submission(submission, input.expected_architecture, policy));
        findings.extend(lineage::findings(input.base_model, submission, input.known_models, policy));
        detectors.push(Detector::Lineage);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let verdict = decide(&findings, &detectors);
    AuditReport { findings, verdict }
}

/// The overlap detector: evidence gathering, data flow and judgement.
fn overlap(input: &AuditInput<'_>, policy: &Policy) -> Vec<Finding> {
    let index = Index::new(input.test_items, policy.overlap.clone());
    let listing = workspace::list(input.workspace, &policy.limits);
    let present: HashSet<String> = listing.entries.iter().map(|entry| entry.name.clone()).collect();
    let trace = trace::read(input.raw_trace, &policy.limits);
    let events = trace.as_ref().map_or(&[][..], |trace| &trace.events);
    let script_text = |name: &str| script_text(input.workspace, &present, name);
    let sources =
        FlowSources { events, present: &present, benchmark: benchmark_of(input.test_items), script_text: &script_text };
    let flow = Flow::read(&sources);
    let (scans, unread) = scan_entries(&index, &listing.entries, &policy.limits);
    let overlaps = Overlaps {
        index: &index,
        items: input.test_items,
        scans: &scans,
        trace: trace.as_ref().ok(),
        flow: &flow,
        policy,
    };
    let mut findings = contamination::judge(&overlaps);
    findings.extend(trace_quality(trace.as_ref()));
    findings.extend(not_read(&listing.skipped, "some of the workspace was not read", policy));
    findings.extend(not_read(&unread, "some files of the workspace are no text", policy));
    findings
}

fn script_text(workspace: &Path, present: &HashSet<String>, name: &str) -> Option<String> {
    // Only what the walk found is opened: a name from the trace cannot lead out of the workspace.
    let content = present.contains(name).then(|| workspace::read_start(&workspace.join(name), MOST_SCRIPT).ok())??;
    Some(String::from_utf8_lossy(&content).into_owned())
}

fn benchmark_of(items: &[TestItem]) -> &str {
    items.first().and_then(|item| item.id.split_once('/')).map_or("", |(benchmark, _)| benchmark)
}

fn trace_quality(trace: Result<&Trace, &std::io::Error>) -> Option<Finding> {
    let (severity, title, explanation) = match trace {
        Err(error) => (
            Severity::Note,
            "there is no readable trace".to_owned(),
            format!("Without it nobody knows what was trained on: {error}."),
        ),
        Ok(trace) if trace.cut || trace.cut_lines > 0 => (
            Severity::Note,
            "part of the trace was not read".to_owned(),
            format!("{} lines were longer than what is read of a line.", trace.cut_lines),
        ),
        Ok(_) => return None,
    };
    let evidence = Evidence {
        file: "trace/raw.jsonl".to_owned(),
        locator: String::new(),
        excerpt: String::new(),
        test_item: None,
        test_excerpt: None,
    };
    Some(Finding { detector: Detector::Overlap, severity, title, explanation, evidence: vec![evidence] })
}

fn not_read(skipped: &[Skipped], title: &str, policy: &Policy) -> Option<Finding> {
    if skipped.is_empty() {
        return None;
    }
    let evidence = |skipped: &Skipped| Evidence {
        file: format!("workspace/{}", skipped.name),
        locator: String::new(),
        excerpt: excerpt(&skipped.reason, policy.limits.excerpt),
        test_item: None,
        test_excerpt: None,
    };
    Some(Finding {
        detector: Detector::Overlap,
        severity: Severity::Note,
        title: title.to_owned(),
        explanation: format!("{} in all. Links, pipes and devices are never followed or opened.", skipped.len()),
        evidence: skipped.iter().take(policy.limits.evidence).map(evidence).collect(),
    })
}
