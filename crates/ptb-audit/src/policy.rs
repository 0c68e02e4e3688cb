//! All thresholds of the audit, and what follows from findings.

use ptb_core::audit::{Decision, Detector, Finding, Severity, Verdict};

/// Every number that decides between clean and flagged.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What counts as a test item in a text.
    pub overlap: OverlapThresholds,
    /// What counts as test items in training.
    pub contamination: ContaminationThresholds,
    /// What counts as the base model's weights.
    pub lineage: LineageThresholds,
    /// How much is read and shown.
    pub limits: Limits,
}

/// What counts as a test item in a text.
#[derive(Debug, Clone)]
pub struct OverlapThresholds {
    /// Shorter questions are not looked for: they would be found everywhere.
    pub least_question_words: usize,
    /// Shorter answers are not looked for: `so 3 + 4 = 7` is the answer of many problems.
    pub least_answer_words: usize,
    /// Longer items are compared by so many of their first words.
    pub most_item_words: usize,
    /// Items with fewer words match only with every number, name and noun in place: problems made from one template
    /// differ in a single word.
    pub strict_below_words: usize,
    /// Share of a longer item's words, weighted by rarity, that must be there in order; its numbers must be in any case.
    pub least_weighted_share: f32,
    /// How many further words, as a share of the item's, may stand between them.
    pub most_added_share: f32,
}

impl Default for OverlapThresholds {
    fn default() -> Self {
        Self {
            least_question_words: 6,
            least_answer_words: 30,
            most_item_words: 400,
            strict_below_words: 25,
            least_weighted_share: 0.9,
            most_added_share: 0.25,
        }
    }
}

/// What counts as test items in training.
#[derive(Debug, Clone)]
pub struct ContaminationThresholds {
    /// So many different items may reach training by accident.
    pub accidental_items: usize,
}

impl Default for ContaminationThresholds {
    fn default() -> Self {
        Self { accidental_items: 3 }
    }
}

/// What counts as the base model's weights.
#[derive(Debug, Clone)]
pub struct LineageThresholds {
    /// Matrices with fewer elements are left out: small vectors are alike by chance.
    pub least_elements: usize,
    /// Below this cosine a matrix has nothing in common with the base model's. Independently initialised matrices of `n`
    /// elements have a cosine of about `1/sqrt(n)`, 0.06 for the smallest that count; a heavy full fine-tune stays above
    /// 0.5.
    pub unrelated_cosine: f64,
    /// From this share of the matrices' elements on, the model as a whole is another one.
    pub unrelated_share: f64,
    /// A known model is the origin when the distance to it is at most this share of the distance to the base.
    pub known_distance_ratio: f64,
    /// Below this relative distance to a known model, the weights are a copy of it.
    pub copy_distance: f64,
}

impl Default for LineageThresholds {
    fn default() -> Self {
        Self {
            least_elements: 256,
            unrelated_cosine: 0.15,
            unrelated_share: 0.5,
            known_distance_ratio: 0.5,
            copy_distance: 1e-3,
        }
    }
}

/// How much is read and shown.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Files of the workspace beyond this number are not read.
    pub files: usize,
    /// Folders deeper than this are not entered.
    pub depth: usize,
    /// Bytes read of one file.
    pub file_bytes: u64,
    /// Bytes kept of one line of the trace.
    pub trace_line_bytes: usize,
    /// Bytes read of the trace.
    pub trace_bytes: u64,
    /// Pieces of evidence in one finding.
    pub evidence: usize,
    /// Characters of an excerpt.
    pub excerpt: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files: 200_000,
            depth: 40,
            file_bytes: 8 << 30,
            trace_line_bytes: 16 << 20,
            trace_bytes: 4 << 30,
            evidence: 20,
            excerpt: 240,
        }
    }
}

/// What follows from the findings of `detectors`.
///
/// One violation flags the run. An overlap that only a person can judge holds the score back until one did; other
/// warnings have no effect.
pub fn decide(findings: &[Finding], detectors: &[Detector]) -> Verdict {
    let of = |severity: Severity| findings.iter().filter(move |finding| finding.severity == severity);
    let violations: Vec<String> = of(Severity::Violation).map(|finding| finding.title.clone()).collect();
    let open: Vec<String> = of(Severity::Warning)
        .filter(|finding| finding.detector == Detector::Overlap)
        .map(|finding| finding.title.clone())
        .collect();
    let (decision, reasons) = match (violations.is_empty(), open.is_empty()) {
        (false, _) => (Decision::Flagged, violations),
        (true, false) => (Decision::NeedsReview, open),
        (true, true) => (Decision::Clean, Vec::new()),
    };
    Verdict {
        decision,
        reasons,
        detectors: detectors.to_vec(),
        judge_asked: false,
        findings_sha256: fingerprint(findings),
        ptb_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// SHA-256 of the findings as compact JSON.
fn fingerprint(findings: &[Finding]) -> String {
    // Findings are plain strings and enums, which JSON can always hold.
    let json = serde_json::to_vec(findings).unwrap_or_default();
    ptb_core::files::sha256(&json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(detector: Detector, severity: Severity) -> Finding {
        Finding {
            detector,
            severity,
            title: format!("{severity} of {detector}"),
            explanation: String::new(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn one_violation_flags_whatever_else_was_found() {
        let findings = [finding(Detector::Overlap, Severity::Note), finding(Detector::Lineage, Severity::Violation)];
        let verdict = decide(&findings, &[Detector::Overlap, Detector::Lineage]);
        assert_eq!(verdict.decision, Decision::Flagged);
        assert_eq!(verdict.reasons, ["violation of lineage"]);
        assert!(!verdict.judge_asked);
    }

    #[test]
    fn notes_and_warnings_of_tampering_leave_a_run_clean() {
        let findings = [finding(Detector::Overlap, Severity::Note), finding(Detector::Tampering, Severity::Warning)];
        assert_eq!(decide(&findings, &[]).decision, Decision::Clean);
        assert!(decide(&findings, &[]).reasons.is_empty());
    }

    #[test]
    fn an_overlap_that_is_not_settled_waits_for_a_person() {
        assert_eq!(decide(&[finding(Detector::Overlap, Severity::Warning)], &[]).decision, Decision::NeedsReview);
    }

    #[test]
    fn the_fingerprint_tells_findings_apart() {
        let one = decide(&[finding(Detector::Overlap, Severity::Note)], &[]);
        assert_ne!(one.findings_sha256, decide(&[], &[]).findings_sha256);
    }
}
