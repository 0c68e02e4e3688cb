//! Grading by comparison with a baseline's answer, in both orders.

use ptb_core::definitions::{JudgeSettings, JudgeWording};

use super::attempts::{RetryRule, Trouble};
use super::by_rubric::heard;
use super::client::{Asked, Judge};
use super::grading::JudgeGrader;
use super::key::find_judge_key;
use super::protocol::{Protocol, Question};
use super::statistics::mean;
use super::verdict::{Game, Outcome, verdict_label, votes_of_games};
use super::wording::{PairwiseWording, WordingError};
use crate::data::{Item, Reference};
use crate::grader::{Grade, GradingError};
use crate::scorer::Scored;

/// A judge says which of two answers is better.
#[derive(Debug, Clone)]
pub struct ByComparison {
    wording: PairwiseWording,
    strong_weight: u32,
}

/// Grades by comparison: the mean of the votes of both games.
pub type PairwiseGrader = JudgeGrader<ByComparison>;

impl PairwiseGrader {
    /// A grader with the key that the environment gives; a strong verdict counts `strong_weight` times.
    pub fn from_environment(
        settings: &JudgeSettings,
        wording: JudgeWording,
        strong_weight: u32,
    ) -> Result<Self, WordingError> {
        let key = find_judge_key(&settings.key_variable).map_err(|error| error.to_string());
        let rule = RetryRule::pairwise(settings.attempts);
        let protocol = ByComparison::new(wording, strong_weight)?;
        Ok(Self::new(protocol, key.map(|key| Judge::new(settings.clone(), key, rule))))
    }
}

impl ByComparison {
    /// With the judge's wording; a strong verdict counts `strong_weight` times.
    pub fn new(wording: JudgeWording, strong_weight: u32) -> Result<Self, WordingError> {
        Ok(Self { wording: PairwiseWording::new(wording)?, strong_weight })
    }
}

fn baseline(item: &Item) -> Option<&str> {
    match &item.reference {
        Reference::Baseline(answer) => Some(answer),
        _ => None,
    }
}

impl Protocol for ByComparison {
    type Verdict = String;

    fn name(&self) -> &'static str {
        "pairwise"
    }

    fn count(&self, item: &Item) -> Result<usize, GradingError> {
        let missing = || GradingError::sample(format!("{} has no baseline answer to compare with", item.id));
        baseline(item).map(|_| Game::BOTH.len()).ok_or_else(missing)
    }

    fn question(&self, item: &Item, answer: &str, place: usize) -> Question {
        let (baseline, game) = (baseline(item).unwrap_or_default(), Game::BOTH[place]);
        let (first, second) = game.in_order(baseline, answer);
        Question { subject: game.name().to_owned(), messages: self.wording.messages(&item.question, first, second) }
    }

    /// A label with a meaning. Without one the judge is asked again; the field's scripts leave the question out at once,
    /// or end.
    fn read(&self, reply: &str) -> Result<String, Trouble> {
        verdict_label(reply).filter(|label| Outcome::of_label(label).is_ok()).ok_or(Trouble::Malformed)
    }

    /// A question without two verdicts has no score: one game alone would favour a place.
    fn grade(&self, _: &Item, asked: Vec<Asked<String>>) -> Result<Grade, GradingError> {
        let (mut labels, mut exchanges) = ([None, None], Vec::new());
        for (label, asked) in labels.iter_mut().zip(heard(asked)?) {
            *label = asked.verdict.ok();
            exchanges.push(asked.exchange);
        }
        let votes = votes_of_games(labels.each_ref().map(Option::as_deref), self.strong_weight);
        let votes = votes.map_err(|error| GradingError::Failed(error.to_string()))?.unwrap_or_default();
        let [first, second] = labels.map(|label| label.unwrap_or_else(|| "no verdict".to_owned()));
        let said = format!("baseline first: {first}, candidate first: {second}");
        let Some(score) = mean(&votes) else {
            return Err(GradingError::Sample { reason: format!("the judge gave no verdict ({said})"), exchanges });
        };
        Ok(Grade { scored: Scored { score, extracted_answer: None, reason: said, votes }, exchanges })
    }
}
