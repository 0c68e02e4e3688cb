//! What a judge says of two answers, and the votes that follow.

use thiserror::Error;

/// What a label may consist of.
const LABEL: [u8; 5] = *b"AB<>=";

/// The label of a judge's verdict, such as `A>>B`: the last one in double brackets, or where there is none, the last one
/// in single brackets. Case does not matter. The label need not mean anything: see [`Outcome::of_label`].
pub fn verdict_label(judgment: &str) -> Option<String> {
    let text = judgment.to_uppercase();
    last_label(&text, "[[", "]]").or_else(|| last_label(&text, "[", "]")).map(str::to_owned)
}

fn last_label<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    // Closing brackets may overlap, so every place is looked at.
    let mut ends = (0..text.len()).rev().filter(|end| text.as_bytes()[*end..].starts_with(close.as_bytes()));
    ends.find_map(|end| label_before(text, end, open))
}

/// The label that ends at `end`, where brackets open right in front of it.
fn label_before<'a>(text: &'a str, end: usize, open: &str) -> Option<&'a str> {
    let before = text.get(..end)?;
    let start = before.trim_end_matches(|char: char| u8::try_from(char).is_ok_and(|byte| LABEL.contains(&byte)));
    (start.len() < end && start.ends_with(open)).then(|| &before[start.len()..])
}

/// Who wrote the answer that is called A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Game {
    /// The baseline: the first game.
    BaselineFirst,
    /// The model under test: the second game, so that a judge that likes the first answer favours nobody.
    CandidateFirst,
}

impl Game {
    /// Both games in their order.
    pub const BOTH: [Self; 2] = [Self::BaselineFirst, Self::CandidateFirst];

    /// The baseline's and the candidate's texts in the order of A and B.
    pub fn in_order<'a>(self, baseline: &'a str, candidate: &'a str) -> (&'a str, &'a str) {
        match self {
            Self::BaselineFirst => (baseline, candidate),
            Self::CandidateFirst => (candidate, baseline),
        }
    }

    /// What a log calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BaselineFirst => "baseline first",
            Self::CandidateFirst => "candidate first",
        }
    }
}

/// A label outside the judge's instructions; the reference's process ends there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("KeyError: '{0}'")]
pub struct UnknownLabel(pub String);

/// What a label means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// 1 where A is better, 0 where B is, a half for a tie, in halves.
    halves_for_a: u8,
    /// Whether it is much better.
    strong: bool,
}

impl Outcome {
    /// What a label means. Case does not matter, and either answer may stand first.
    pub fn of_label(label: &str) -> Result<Self, UnknownLabel> {
        let label = label.to_uppercase();
        let (halves_for_a, strong) = match label.as_str() {
            "A>>B" | "B<<A" => (2, true),
            "A>B" | "B<A" => (2, false),
            "A=B" | "B=A" => (1, false),
            "A<B" | "B>A" => (0, false),
            "A<<B" | "B>>A" => (0, true),
            _ => return Err(UnknownLabel(label)),
        };
        Ok(Self { halves_for_a, strong })
    }

    /// The votes for the model under test: one, or `strong_weight` equal ones.
    pub fn votes(self, game: Game, strong_weight: u32) -> Vec<f64> {
        let for_a = f64::from(self.halves_for_a) / 2.0;
        let vote = match game {
            Game::BaselineFirst => 1.0 - for_a,
            Game::CandidateFirst => for_a,
        };
        vec![vote; if self.strong { strong_weight as usize } else { 1 }]
    }
}

/// The votes of both games; none where a game has no label, because one game alone would favour a position.
pub fn votes_of_games(labels: [Option<&str>; 2], strong_weight: u32) -> Result<Option<Vec<f64>>, UnknownLabel> {
    let [Some(first), Some(second)] = labels else { return Ok(None) };
    let mut votes = Vec::new();
    for (game, label) in Game::BOTH.into_iter().zip([first, second]) {
        votes.extend(Outcome::of_label(label)?.votes(game, strong_weight));
    }
    Ok(Some(votes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn double_brackets_come_before_single_ones() {
        assert_eq!(verdict_label("[[B>A]] and [A>B]").as_deref(), Some("B>A"));
        assert_eq!(verdict_label("[[A=B]], no: [[b>>a]] [1]").as_deref(), Some("B>>A"));
        assert_eq!(verdict_label("[[[A>B]]]").as_deref(), Some("A>B"));
        assert_eq!(verdict_label("[[A]] [[B=A]]]").as_deref(), Some("B=A"));
        assert_eq!(verdict_label("[[A>B] ]").as_deref(), Some("A>B"));
    }

    #[test]
    fn what_is_no_label_is_not_found() {
        for text in ["", "[]", "[[]]", "A>B", "(A>B)", "[ A>B ]", "[[Tie]]", "A>B]]", "[[A>B"] {
            assert_eq!(verdict_label(text), None, "{text}");
        }
    }

    #[test]
    fn a_judge_that_prefers_the_first_place_is_worth_nothing() {
        let votes = votes_of_games([Some("A>>B"), Some("A>>B")], 3).unwrap().unwrap();
        assert_eq!(votes, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(votes_of_games([Some("A>B"), None], 3), Ok(None));
        assert_eq!(votes_of_games([Some("A"), Some("A>B")], 3).unwrap_err().to_string(), "KeyError: 'A'");
    }

    proptest! {
        #[test]
        fn any_text_has_at_most_one_label(text in r"(\[|\]|A|b|<|>|=|\n|ß|\PC){0,30}") {
            if let Some(label) = verdict_label(&text) {
                prop_assert!(!label.is_empty() && label.bytes().all(|byte| LABEL.contains(&byte)));
            }
        }
    }
}
