//! Scores and where they come from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evaluation::Estimate;
use crate::ids::RunId;

/// Where the number that counts comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Provenance {
    /// The submission's own evaluation.
    #[serde(rename = "submitted")]
    Submitted,
    /// This run evaluates the base model itself.
    #[serde(rename = "base")]
    Base,
    /// The base model's score, because the audit flagged the run.
    #[serde(rename = "base (flagged)")]
    BaseFlagged,
    /// The base model's score, because no usable model was submitted.
    #[serde(rename = "base (no submission)")]
    BaseNoSubmission,
    /// The base model's score, because the evaluation failed at every token limit.
    #[serde(rename = "base (evaluation failed)")]
    BaseEvaluationFailed,
}

impl Provenance {
    /// The text used in files and tables.
    pub fn label(self) -> &'static str {
        match self {
            Provenance::Submitted => "submitted",
            Provenance::Base => "base",
            Provenance::BaseFlagged => "base (flagged)",
            Provenance::BaseNoSubmission => "base (no submission)",
            Provenance::BaseEvaluationFailed => "base (evaluation failed)",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.label())
    }
}

/// `score.json`: the number for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The number that counts. Absent while a person has to decide.
    pub counted: Option<Estimate>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Why, in one sentence.
    pub reason: String,
    /// What the submission itself reached, also when it does not count.
    pub submission: Option<Estimate>,
    /// What the base model reached.
    pub base: Option<Estimate>,
    /// The run that evaluated the base model.
    pub base_run: Option<RunId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_what_stands_in_the_file() {
        for provenance in [
            Provenance::Submitted,
            Provenance::Base,
            Provenance::BaseFlagged,
            Provenance::BaseNoSubmission,
            Provenance::BaseEvaluationFailed,
        ] {
            assert_eq!(serde_json::to_value(provenance).unwrap(), provenance.label());
        }
    }
}
