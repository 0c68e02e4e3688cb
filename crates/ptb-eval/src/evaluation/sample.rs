//! What is known about one sample.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data::Item;
use crate::engine::{Completion, EngineError, StopReason};
use crate::grader::{Grade, GradingError, JudgeExchange};
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
    /// What was asked of a judge in earlier tries to grade the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_exchanges: Vec<JudgeExchange>,
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
        /// What was asked of a judge, and its replies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exchanges: Vec<JudgeExchange>,
    },
    /// The model answered; the answer has no score yet, which is not the same as a score of zero. Grading goes on here.
    Answered {
        /// The answer.
        completion: Completion,
        /// Why grading it failed, where it was tried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
        /// What was asked of a judge in vain.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exchanges: Vec<JudgeExchange>,
        /// The judge was heard as often as it is asked and gave no verdict: the sample is left out, as in the reference.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        left_out: bool,
    },
    /// There is no answer.
    Failed {
        /// Why.
        error: String,
    },
}

impl Outcome {
    /// What comes of an engine's answer: scored at once where a look is enough.
    pub(crate) fn of(answer: Result<Completion, EngineError>, direct: Option<Scorer>, item: &Item) -> Self {
        let completion = match answer {
            Ok(completion) => completion.bounded(),
            Err(error) => return Self::Failed { error: error.to_string() },
        };
        match direct.map(|scorer| scorer.score(&completion, item)) {
            None => Self::answered(completion, None),
            Some(Some(scored)) => Self::Scored { completion, scored, exchanges: Vec::new() },
            Some(None) => {
                let problem = format!("the target {:?} cannot be compared with", item.target);
                Self::answered(completion, Some(problem))
            }
        }
    }

    fn answered(completion: Completion, problem: Option<String>) -> Self {
        Self::Answered { completion, problem, exchanges: Vec::new(), left_out: false }
    }

    /// What comes of grading an answer.
    pub(crate) fn graded(completion: Completion, grade: Result<Grade, GradingError>) -> Self {
        match grade {
            Ok(Grade { scored, exchanges }) => Self::Scored { completion, scored, exchanges },
            Err(error) => {
                let problem = Some(error.to_string());
                let (exchanges, left_out) = match error {
                    GradingError::Sample { exchanges, .. } => {
                        let judged = !exchanges.is_empty();
                        (exchanges, judged)
                    }
                    GradingError::Later { exchanges, .. } => (exchanges, false),
                    GradingError::Unavailable(_) | GradingError::Failed(_) => (Vec::new(), false),
                };
                Self::Answered { completion, problem, exchanges, left_out }
            }
        }
    }
}

impl SampleRecord {
    /// The score, where there is one.
    pub fn score(&self) -> Option<f64> {
        self.scored().map(|scored| scored.score)
    }

    /// The score with its reason, where there is one.
    pub fn scored(&self) -> Option<&Scored> {
        match &self.outcome {
            Outcome::Scored { scored, .. } => Some(scored),
            Outcome::Answered { .. } | Outcome::Failed { .. } => None,
        }
    }

    /// The answer, where there is one.
    pub fn completion(&self) -> Option<&Completion> {
        match &self.outcome {
            Outcome::Scored { completion, .. } | Outcome::Answered { completion, .. } => Some(completion),
            Outcome::Failed { .. } => None,
        }
    }

    /// What a judge was asked, the last time.
    pub fn exchanges(&self) -> &[JudgeExchange] {
        match &self.outcome {
            Outcome::Scored { exchanges, .. } | Outcome::Answered { exchanges, .. } => exchanges,
            Outcome::Failed { .. } => &[],
        }
    }

    /// Why there is no score, where something went wrong.
    pub fn problem(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed { error } => Some(error),
            Outcome::Answered { problem, .. } => problem.as_deref(),
            Outcome::Scored { .. } => None,
        }
    }

    /// Whether there is an answer that has no score yet.
    pub(crate) fn is_ungraded(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { left_out: false, .. })
    }

    /// Whether a judge was asked in vain, so that the sample does not count.
    pub(crate) fn is_left_out(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { left_out: true, .. })
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.completion()
            .is_some_and(|completion| matches!(completion.stop_reason, StopReason::MaxTokens | StopReason::ModelLength))
    }
}
