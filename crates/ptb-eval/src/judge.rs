//! Grading by a judge: an LLM that is asked about the answers of the model under test.
//!
//! What must hold: the judge's key leaves this process only in the header of a request to the judge; an answer that the
//! judge was never heard about has no score; and every exchange is kept with the grade.

mod aggregate;
mod attempts;
mod by_comparison;
mod by_rubric;
mod client;
mod gate;
mod grading;
mod heard;
mod key;
mod price;
mod protocol;
mod rubric;
mod setup;
mod statistics;
mod verdict;
mod wording;

pub use aggregate::{RatedAnswer, rubric_parts};
pub use attempts::{Attempts, Growth, Next, RetryRule, Trouble};
pub use by_comparison::{ByComparison, PairwiseGrader};
pub use by_rubric::{ByRubric, RubricGrader};
pub use client::{Asked, Judge, JudgeFailure};
pub use grading::JudgeGrader;
pub use key::{JudgeKeyError, find_judge_key};
pub use price::{CostEstimate, cost_usd};
pub use protocol::{Protocol, Question};
pub use rubric::{RubricPoints, RubricReply};
pub use setup::{JudgeSetupError, judge_of};
pub use statistics::{clipped_mean, clipped_mean_with_bootstrap_error, mean, mean_with_error, numpy_sum};
pub use verdict::{Game, Outcome, UnknownLabel, verdict_label, votes_of_games};
pub use wording::{PairwiseWording, RubricWording, WordingError, request_body};
