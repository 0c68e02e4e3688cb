//! Findings and verdicts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// Test items of the benchmark in what the agent wrote or trained on.
    Overlap,
    /// Where the submitted weights come from.
    Lineage,
    /// Changes to what decides the score.
    Tampering,
}

impl fmt::Display for Detector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Detector::Overlap => "overlap",
            Detector::Lineage => "lineage",
            Detector::Tampering => "tampering",
        })
    }
}

/// What a finding means for the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; no effect.
    Note,
    /// A person should look; no effect by itself.
    Warning,
    /// The rules were broken: the run is flagged.
    Violation,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Violation => "violation",
        })
    }
}

/// A place in what the run left, precise enough to open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Path relative to the run folder.
    pub file: String,
    /// Where in the file: `line:N` (from 1), `tensor:NAME`, `pointer:/a/0`; empty for the whole file.
    pub locator: String,
    /// The text that stands there, shortened.
    pub excerpt: String,
    /// Which test item it matches, such as `gsm8k/test/17`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test_item: Option<String>,
    /// The test item's text, shortened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test_excerpt: Option<String>,
}

/// One thing that one detector found, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who found it.
    pub detector: Detector,
    /// What it means for the score.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// Why this is, or is not, against the rules.
    pub explanation: String,
    /// Where it can be seen.
    pub evidence: Vec<Evidence>,
}

/// What the audit says about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing against the rules was found.
    Clean,
    /// The rules were broken.
    Flagged,
    /// A person has to decide; until then the run has no counting score.
    NeedsReview,
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Decision::Clean => "clean",
            Decision::Flagged => "flagged",
            Decision::NeedsReview => "needs review",
        })
    }
}

/// `audit/verdict.json`: what follows from the findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// One sentence for each reason; empty when clean.
    pub reasons: Vec<String>,
    /// The detectors that ran.
    pub detectors: Vec<Detector>,
    /// Whether an LLM judge was asked.
    pub judge_asked: bool,
    /// SHA-256 of the findings the decision rests on.
    pub findings_sha256: String,
    /// Version of `ptb` that decided.
    pub ptb_version: String,
}
