//! Why an evaluation has no result.

use ptb_core::files::FileError;
use thiserror::Error;

use super::plan::PlanError;

/// An evaluation that failed. What was done stays on the disk: the same evaluation goes on there.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// The evaluation cannot begin.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The file system refused.
    #[error("the evaluation stopped; start it again to go on: {0}")]
    File(#[from] FileError),
    /// The engine failed in every attempt.
    #[error("the engine failed in all {attempts} attempts, down to {max_tokens} tokens; the last time: {last}")]
    Exhausted {
        /// Attempts in all.
        attempts: usize,
        /// Token limit of the last one.
        max_tokens: u32,
        /// Its error.
        last: String,
    },
    /// Every single request failed, so there is nothing to take a mean of.
    #[error("none of the {samples} samples has a score with seed {seed}; the first error: {first}")]
    NothingScored {
        /// The seed.
        seed: u64,
        /// Samples asked for.
        samples: usize,
        /// The first sample's error.
        first: String,
    },
    /// The machine lacks something that the engine needs.
    #[error("the engine cannot run here: {0}")]
    EngineUnavailable(String),
    /// Something that grading needs is missing here.
    #[error("the answers are kept, but have no grades yet: {0}")]
    GraderUnavailable(String),
    /// The grader failed.
    #[error("the answers are kept, but grading stopped: {0}")]
    Grader(String),
}
