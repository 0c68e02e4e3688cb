//! The judge that a definition names.

use ptb_core::definitions::{BenchmarkDefinition, JudgeWording, ScorerDefinition};
use thiserror::Error;

use super::by_comparison::PairwiseGrader;
use super::by_rubric::RubricGrader;
use super::wording::WordingError;
use crate::grader::Grader;

/// A definition or a pack from which no judge can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JudgeSetupError {
    /// The definition does not say which judge.
    #[error("{0} is graded by a judge, but its definition has no [judge]: add model, address, key variable and prices")]
    NoSettings(String),
    /// The pack has no words for it.
    #[error("{0} is graded by a judge, but the pack has no `judge` wording for it: add [prompts.{0}.judge]")]
    NoWording(String),
    /// The words do not show what must be judged.
    #[error("{0}: {1}")]
    Wording(String, WordingError),
}

/// The grader of a benchmark that a judge grades; none for other benchmarks. A missing key is no error yet: the grader
/// says so when it is asked, so that answers are generated and kept.
pub fn judge_of(
    benchmark: &BenchmarkDefinition,
    wording: Option<&JudgeWording>,
) -> Result<Option<Box<dyn Grader>>, JudgeSetupError> {
    let strong_weight = match benchmark.scorer {
        ScorerDefinition::Rubric => None,
        ScorerDefinition::Pairwise { strong_weight } => Some(strong_weight),
        _ => return Ok(None),
    };
    let name = benchmark.id.to_string();
    let settings = benchmark.judge.as_ref().ok_or_else(|| JudgeSetupError::NoSettings(name.clone()))?;
    let wording = wording.cloned().ok_or_else(|| JudgeSetupError::NoWording(name.clone()))?;
    let grader = match strong_weight {
        None => RubricGrader::from_environment(settings, wording).map(|grader| Box::new(grader) as Box<dyn Grader>),
        Some(weight) => PairwiseGrader::from_environment(settings, wording, weight).map(|grader| Box::new(grader) as _),
    };
    grader.map(Some).map_err(|error| JudgeSetupError::Wording(name, error))
}
