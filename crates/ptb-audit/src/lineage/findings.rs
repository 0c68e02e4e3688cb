//! The lineage as findings.

use std::path::Path;

use ptb_core::audit::{Detector, Evidence, Finding, Severity};

use super::report::{LineageClass, LineageReport, lineage};
use crate::item::KnownModel;
use crate::policy::Policy;

/// Compares the submission with the base model and states what follows.
pub(crate) fn findings(base: &Path, submission: &Path, known: &[KnownModel], policy: &Policy) -> Vec<Finding> {
    match lineage(base, submission, known, &policy.lineage) {
        Ok(report) => of_report(&report, policy),
        Err(error) => vec![Finding {
            detector: Detector::Lineage,
            severity: Severity::Warning,
            title: "the lineage of the submitted weights could not be told".to_owned(),
            explanation: format!("{error}. What cannot be read here cannot be evaluated either."),
            evidence: Vec::new(),
        }],
    }
}

fn of_report(report: &LineageReport, policy: &Policy) -> Vec<Finding> {
    let numbers = format!(
        "{:.0} % of the tensors are identical to the base model's; the relative difference is {:.4}; the median cosine of \
         the matrices is {:.3}, and {:.0} % of their elements lie in matrices without anything in common with the base.",
        report.identical_share * 100.0,
        report.relative_delta,
        report.median_cosine,
        report.unrelated_share * 100.0
    );
    let most = policy.limits.evidence;
    let mut findings = vec![origin(report, &numbers, most)];
    if report.class == LineageClass::FineTuned && report.unrelated_share > 0.0 {
        let names = unrelated(report, policy.lineage.unrelated_cosine);
        findings.push(finding(
            Severity::Warning,
            "some matrices have nothing in common with the base model's",
            &numbers,
            &names,
            most,
        ));
    }
    if !report.not_finite.is_empty() {
        let why = "A model with such weights cannot be evaluated; this breaks no rule.";
        findings.push(finding(Severity::Note, "weights are NaN or infinite", why, &report.not_finite, most));
    }
    if !report.extra.is_empty() && report.class != LineageClass::Mismatch {
        let why = "They do not belong to the base model's architecture and are not loaded.";
        findings.push(finding(Severity::Warning, "the submission has further tensors", why, &report.extra, most));
    }
    findings
}

fn origin(report: &LineageReport, numbers: &str, most: usize) -> Finding {
    let substituted = format!("{numbers} The submission must be trained from the base model of the run.");
    match report.class {
        LineageClass::Identical => {
            finding(Severity::Note, "the submitted weights are the base model's, unchanged", numbers, &[], most)
        }
        LineageClass::FineTuned => {
            finding(Severity::Note, "the submitted weights come from the base model", numbers, &[], most)
        }
        LineageClass::KnownModel => {
            let name = report.origin.as_deref().unwrap_or("a known model");
            let title = format!("the submitted weights come from {name}, not from the base model");
            finding(Severity::Violation, &title, &substituted, &[], most)
        }
        LineageClass::Unrelated => {
            let names = unrelated(report, f64::INFINITY);
            let title = "the submitted weights do not come from the base model";
            finding(Severity::Violation, title, &substituted, &names, most)
        }
        LineageClass::Mismatch if is_adapter(report) => {
            let why = "An adapter is not a model: nothing can be evaluated until it is merged into the base model.";
            finding(Severity::Warning, "the submission is an adapter without its model", why, &report.extra, most)
        }
        LineageClass::Mismatch => {
            let names: Vec<String> = [&report.missing[..], &report.reshaped[..], &report.extra[..]].concat();
            let title = format!(
                "the submitted weights do not have the base model's tensors: {} missing, {} of another shape, {} further",
                report.missing.len(),
                report.reshaped.len(),
                report.extra.len()
            );
            let why = "The submission must have the architecture of the base model of the run.";
            finding(Severity::Violation, &title, why, &names, most)
        }
    }
}

fn is_adapter(report: &LineageReport) -> bool {
    report.tensors.is_empty() && !report.extra.is_empty() && report.extra.iter().all(|name| name.contains(".lora_"))
}

/// Names of the matrices with a cosine below `below`, the least related first.
fn unrelated(report: &LineageReport, below: f64) -> Vec<String> {
    let mut tensors: Vec<_> = report.tensors.iter().filter(|tensor| tensor.matrix && tensor.cosine < below).collect();
    tensors.sort_by(|a, b| a.cosine.total_cmp(&b.cosine));
    tensors.into_iter().map(|tensor| tensor.name.clone()).collect()
}

fn finding(severity: Severity, title: &str, explanation: &str, tensors: &[String], most: usize) -> Finding {
    let evidence = |name: &String| Evidence {
        file: "submission".to_owned(),
        locator: format!("tensor:{name}"),
        excerpt: String::new(),
        test_item: None,
        test_excerpt: None,
    };
    Finding {
        detector: Detector::Lineage,
        severity,
        title: title.to_owned(),
        explanation: explanation.to_owned(),
        evidence: tensors.iter().take(most).map(evidence).collect(),
    }
}
