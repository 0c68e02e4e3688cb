//! What grades answers that a look at the text cannot: tests that run code, and judges.

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::data::Item;
use crate::engine::Completion;
use crate::judge::CostEstimate;
use crate::scorer::Scored;

/// An answer to grade.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// What was asked.
    pub item: &'a Item,
    /// What the model answered.
    pub completion: &'a Completion,
}

/// What a grader says of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// The score.
    pub scored: Scored,
    /// The requests to the judge and its replies, where one was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<JudgeExchange>,
}

/// One request to a judge with its reply, failed attempts included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeExchange {
    /// What it was about, such as `criterion 3` or `baseline first`.
    pub subject: String,
    /// The body of the request.
    pub request: Value,
    /// The text of the reply that counted; none where there was none.
    pub reply: Option<String>,
    /// Why the reply is missing or not usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Requests that were sent.
    pub attempts: u32,
    /// When the first one was sent.
    pub started: Timestamp,
    /// Seconds until the last reply, waits included.
    pub seconds: f64,
    /// Tokens of all attempts.
    pub usage: JudgeUsage,
    /// What they cost, by the price table of the definition.
    pub cost_usd: f64,
}

/// Tokens that a judge's provider counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeUsage {
    /// Tokens of the prompts, cached ones included.
    pub input_tokens: u64,
    /// Of these, tokens that the provider had cached.
    pub cached_tokens: u64,
    /// Tokens of the replies, thinking included.
    pub output_tokens: u64,
    /// Of these, tokens of thinking.
    pub reasoning_tokens: u64,
}

/// Why an answer has no grade.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GradingError {
    /// This answer has no score; others can have one.
    #[error("the answer cannot be graded: {reason}")]
    Sample {
        /// Why.
        reason: String,
        /// What was asked of a judge all the same.
        exchanges: Vec<JudgeExchange>,
    },
    /// This answer has no score yet, because a judge did not answer; grading it again may help.
    #[error("{reason}")]
    Later {
        /// Why.
        reason: String,
        /// What was asked of a judge.
        exchanges: Vec<JudgeExchange>,
    },
    /// Something is missing here, such as a judge's key. What was generated is kept, and grading can go on later.
    #[error("{0}")]
    Unavailable(String),
    /// The grader itself failed.
    #[error("grading failed: {0}")]
    Failed(String),
}

impl GradingError {
    /// An answer that has no score, without a judge's part in it.
    pub fn sample(reason: impl Into<String>) -> Self {
        Self::Sample { reason: reason.into(), exchanges: Vec::new() }
    }
}

/// Receives each grade as soon as it is there, with the index of its answer; stops the grader by `Break`.
pub type OnGrade<'a> = &'a mut dyn FnMut(usize, Result<Grade, GradingError>) -> ControlFlow<()>;

/// Grades answers, several at one time.
pub trait Grader: Send + Sync {
    /// Name for logs, such as `code-execution`.
    fn name(&self) -> &str;

    /// What grading these answers will cost; none where it costs nothing, or where nobody can say.
    fn expected_cost(&self, _answers: &[Answer<'_>]) -> Option<CostEstimate> {
        None
    }

    /// Grades all answers in any order. An error means that the grader stopped: answers without a grade can be graded
    /// later.
    fn grade(&self, answers: &[Answer<'_>], on_grade: OnGrade<'_>) -> Result<(), GradingError>;
}
