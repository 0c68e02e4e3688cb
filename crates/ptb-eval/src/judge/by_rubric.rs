//! Grading by rubric: one question for each criterion.

use ptb_core::definitions::{JudgeSettings, JudgeWording};

use super::attempts::{RetryRule, Trouble};
use super::client::{Asked, Judge, JudgeFailure};
use super::grading::JudgeGrader;
use super::key::find_judge_key;
use super::protocol::{Protocol, Question};
use super::rubric::{RubricPoints, RubricReply};
use super::wording::{RubricWording, WordingError};
use crate::data::{Criterion, Item, Reference};
use crate::grader::{Grade, GradingError};
use crate::scorer::Scored;

/// A judge says for each criterion whether the answer meets it.
#[derive(Debug, Clone)]
pub struct ByRubric {
    wording: RubricWording,
}

/// Grades by rubric: points achieved over points possible.
pub type RubricGrader = JudgeGrader<ByRubric>;

impl RubricGrader {
    /// A grader with the key that the environment gives.
    pub fn from_environment(settings: &JudgeSettings, wording: JudgeWording) -> Result<Self, WordingError> {
        let key = find_judge_key(&settings.key_variable).map_err(|error| error.to_string());
        let rule = RetryRule::rubric(settings.attempts);
        Ok(Self::new(ByRubric::new(wording)?, key.map(|key| Judge::new(settings.clone(), key, rule))))
    }
}

impl ByRubric {
    /// With the judge's wording.
    pub fn new(wording: JudgeWording) -> Result<Self, WordingError> {
        Ok(Self { wording: RubricWording::new(wording)? })
    }
}

fn criteria(item: &Item) -> &[Criterion] {
    match &item.reference {
        Reference::Rubric(criteria) => criteria,
        _ => &[],
    }
}

impl Protocol for ByRubric {
    type Verdict = RubricReply;

    fn name(&self) -> &'static str {
        "rubric"
    }

    fn count(&self, item: &Item) -> Result<usize, GradingError> {
        match criteria(item).len() {
            0 => Err(GradingError::sample(format!("{} has no criteria: check the data's field mapping", item.id))),
            count => Ok(count),
        }
    }

    fn question(&self, item: &Item, answer: &str, place: usize) -> Question {
        let messages = self.wording.messages(item, answer, &criteria(item)[place]);
        Question { subject: format!("criterion {}", place + 1), messages }
    }

    fn read(&self, reply: &str) -> Result<RubricReply, Trouble> {
        RubricReply::read(reply)
    }

    /// A criterion about which the judge never said anything usable is not met, as in the field's scripts. One that the
    /// judge was never heard about leaves the answer without a score.
    fn grade(&self, item: &Item, asked: Vec<Asked<RubricReply>>) -> Result<Grade, GradingError> {
        let criteria = criteria(item);
        let asked = heard(asked)?;
        let silent = asked.iter().filter(|asked| asked.verdict.is_err()).count();
        let met: Vec<bool> = asked.iter().map(|asked| asked.verdict.as_ref().is_ok_and(|reply| reply.met)).collect();
        let exchanges = asked.into_iter().map(|asked| asked.exchange).collect();
        let points = RubricPoints::of(criteria, &met);
        let reason = reason(points, &met, silent);
        Ok(Grade {
            scored: Scored { score: points.score(), extracted_answer: None, reason, votes: Vec::new() },
            exchanges,
        })
    }
}

/// Fails unless the judge was heard about everything; a judge that said nothing usable was heard.
pub(super) fn heard<V>(asked: Vec<Asked<V>>) -> Result<Vec<Asked<V>>, GradingError> {
    let (mut refused, mut unanswered) = (None, None);
    for Asked { verdict, exchange } in &asked {
        let subject = &exchange.subject;
        match verdict {
            Ok(_) | Err(JudgeFailure::NoVerdict(_)) => {}
            Err(JudgeFailure::Refused(said)) => refused = Some(format!("the judge refuses {subject}: {said}")),
            Err(JudgeFailure::Unanswered(said) | JudgeFailure::Denied(said)) => {
                unanswered = Some(format!("the judge did not answer about {subject}: {said}"));
            }
        }
    }
    let exchanges = |asked: Vec<Asked<V>>| asked.into_iter().map(|asked| asked.exchange).collect();
    match (refused, unanswered) {
        (Some(reason), _) => Err(GradingError::Sample { reason, exchanges: exchanges(asked) }),
        (None, Some(reason)) => Err(GradingError::Later { reason, exchanges: exchanges(asked) }),
        (None, None) => Ok(asked),
    }
}

fn reason(points: RubricPoints, met: &[bool], silent: usize) -> String {
    let RubricPoints { achieved, possible } = points;
    let count = met.iter().filter(|met| **met).count();
    let reason = format!("{achieved} of {possible} points, {count} of {} criteria met", met.len());
    if silent == 0 { reason } else { format!("{reason}; {silent} without a usable verdict count as not met") }
}
