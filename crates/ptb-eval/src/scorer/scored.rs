//! Scores, and the choice of a scorer.

use ptb_core::definitions::ScorerDefinition;
use serde::{Deserialize, Serialize};

use super::call::score_strict as score_call;
use super::choice::{is_label, score_choice};
use super::numeric::{score_marked_number, score_numeric, target_number};
use super::text::score_exact_text;
use crate::data::{ExpectedCall, Item, Reference};
use crate::engine::Completion;

/// Longest answer text that is kept with a score, in characters.
const MAX_EXTRACTED: usize = 1000;

/// The score of one completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// From 0 (wrong) to 1 (right).
    pub score: f64,
    /// What was taken as the answer, cut to 1,000 characters; none where nothing was found.
    pub extracted_answer: Option<String>,
    /// Why, in a few words.
    pub reason: String,
    /// The single results that the score is the mean of, where a judge compared: 0, 0.5 or 1 each, strong verdicts
    /// several times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<f64>,
}

impl Scored {
    pub(crate) fn right(answer: &str) -> Self {
        Self::new(1.0, Some(answer), "equal to the target")
    }

    pub(crate) fn wrong(answer: Option<&str>, reason: &str) -> Self {
        Self::new(0.0, answer, reason)
    }

    pub(crate) fn new(score: f64, answer: Option<&str>, reason: &str) -> Self {
        Self { score, extracted_answer: answer.map(cut), reason: reason.to_owned(), votes: Vec::new() }
    }

    /// Whether the answer is fully right.
    pub fn is_right(&self) -> bool {
        self.score >= 1.0
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_EXTRACTED).collect()
}

/// A scorer of the strict family that needs nothing but the item and the completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scorer {
    /// [`score_numeric`].
    Numeric {
        /// Whether the number may stand in `\boxed{}`.
        boxed: bool,
        /// Whether the number must stand on the line of the last `ANSWER:`.
        after_marker: bool,
    },
    /// [`score_exact_text`].
    ExactText,
    /// [`score_choice`].
    MultipleChoice,
    /// [`score_strict`](super::call::score_strict).
    FunctionCall,
}

impl Scorer {
    /// The scorer that a definition names; none where a grader decides.
    pub fn strict(definition: &ScorerDefinition) -> Option<Self> {
        match definition {
            ScorerDefinition::Numeric { boxed, after_marker } => {
                Some(Self::Numeric { boxed: *boxed, after_marker: *after_marker })
            }
            ScorerDefinition::ExactText => Some(Self::ExactText),
            ScorerDefinition::MultipleChoice => Some(Self::MultipleChoice),
            ScorerDefinition::FunctionCall => Some(Self::FunctionCall),
            _ => None,
        }
    }

    /// The score of a completion; none where the item's target is not one that this scorer can compare with.
    pub fn score(self, completion: &Completion, item: &Item) -> Option<Scored> {
        match self {
            Self::Numeric { after_marker: true, .. } => score_marked_number(&completion.text, &item.target),
            Self::Numeric { boxed, .. } => score_numeric(&completion.text, &item.target, boxed),
            Self::ExactText => Some(score_exact_text(&completion.text, &item.target)),
            Self::MultipleChoice => choices(item).map(|choices| score_choice(&completion.text, &item.target, choices)),
            Self::FunctionCall => expected_call(item).map(|call| score_call(call, &item.tools, completion)),
        }
    }

    /// Whether the item's target is one that this scorer can compare with.
    pub fn accepts(self, item: &Item) -> bool {
        match self {
            Self::Numeric { .. } => target_number(&item.target).is_some(),
            Self::ExactText => !item.target.trim().is_empty(),
            Self::MultipleChoice => choices(item).is_some_and(|choices| is_label(&item.target, choices)),
            Self::FunctionCall => expected_call(item).is_some(),
        }
    }
}

fn expected_call(item: &Item) -> Option<&ExpectedCall> {
    match &item.reference {
        Reference::Call(call) => Some(call),
        _ => None,
    }
}

/// How many choices an item has.
fn choices(item: &Item) -> Option<usize> {
    match &item.reference {
        Reference::Choices(choices) => Some(choices.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Scorer = Scorer::Numeric { boxed: false, after_marker: false };

    fn item(target: &str) -> Item {
        Item { target: target.to_owned(), ..Item::default() }
    }

    #[test]
    fn extracted_answers_are_bounded() {
        let long = "x".repeat(5000);
        let scored = Scorer::ExactText.score(&Completion::of_text(long), &item("y")).unwrap();
        assert_eq!(scored.extracted_answer.unwrap().len(), MAX_EXTRACTED);
    }

    #[test]
    fn a_target_that_cannot_be_compared_has_no_score() {
        assert_eq!(NUMBER.score(&Completion::of_text("ANSWER: 1"), &item("N/A")), None);
        assert!(!NUMBER.accepts(&item("N/A")) && NUMBER.accepts(&item("1,450,000")));
    }
}
