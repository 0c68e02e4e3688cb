//! What is known about one sample.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::{Completion, EngineError, StopReason};
use crate::scorer::{Scored, Scorer};

/// One sample of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// The item.
    pub id: String,
    /// The seed of its request.
    pub seed: u64,
    /// When it was done.
    pub finished: Timestamp,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came out of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered, and the answer has a score.
    Scored {
        /// The answer.
        completion: Completion,
        /// Its score.
        scored: Scored,
    },
    /// There is no score, which is not the same as a score of zero.
    Failed {
        /// Why.
        error: String,
    },
}

impl Outcome {
    /// What comes of an engine's answer.
    pub(crate) fn of(answer: Result<Completion, EngineError>, scorer: Scorer, target: &str) -> Self {
        let completion = match answer {
            Ok(completion) => completion.bounded(),
            Err(error) => return Self::Failed { error: error.to_string() },
        };
        match scorer.score(&completion.text, target) {
            Some(found) => Self::Scored { completion, scored: found },
            None => Self::Failed { error: format!("the target {target:?} cannot be compared with") },
        }
    }
}

impl SampleRecord {
    /// The score, where there is one.
    pub fn score(&self) -> Option<f64> {
        match &self.outcome {
            Outcome::Scored { scored, .. } => Some(scored.score),
            Outcome::Failed { .. } => None,
        }
    }

    /// The answer, where there is one.
    pub fn completion(&self) -> Option<&Completion> {
        match &self.outcome {
            Outcome::Scored { completion, .. } => Some(completion),
            Outcome::Failed { .. } => None,
        }
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.completion().is_some_and(|completion| completion.stop_reason != StopReason::Stop)
    }
}
