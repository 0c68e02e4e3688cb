//! Choosing what grades the answers of a benchmark.

use std::time::Duration;

use ptb_core::definitions::{BenchmarkDefinition, PromptWording, ScorerDefinition};
use thiserror::Error;

use crate::code::{CodeConfig, CodeGrader, PoolError};
use crate::grader::Grader;
use crate::judge::{JudgeSetupError, judge_of};

/// A grader that cannot be made.
#[derive(Debug, Error)]
pub enum GraderError {
    /// Programs cannot be run here.
    #[error(transparent)]
    Code(#[from] PoolError),
    /// The definition or the pack lacks something that the judge needs.
    #[error(transparent)]
    Judge(#[from] JudgeSetupError),
}

impl GraderError {
    /// Whether the machine lacks something.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Code(_))
    }
}

/// What grades the answers of a benchmark; none where a look at an answer is enough. A judge without a key is made, and says
/// what is missing when it is asked.
pub fn grader_for(
    benchmark: &BenchmarkDefinition,
    wording: &PromptWording,
) -> Result<Option<Box<dyn Grader>>, GraderError> {
    let ScorerDefinition::CodeExecution { seconds, memory_mib } = benchmark.scorer else {
        return Ok(judge_of(benchmark, wording.judge.as_ref())?);
    };
    let config = CodeConfig {
        time_limit: Duration::from_secs(seconds.into()),
        memory_bytes: u64::from(memory_mib) << 20,
        ..CodeConfig::default()
    };
    Ok(Some(Box::new(CodeGrader::new(config)?)))
}
