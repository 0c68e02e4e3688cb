//! The pre-training text: arithmetic in plain prose, narrative problems, lists and little stories.
//!
//! It has neither chat turns nor an `ANSWER:` line, and every situation in it belongs to the training split.

use crate::dice::Dice;
use crate::format::{FORMS, draw_words};
use crate::item::Split;
use crate::story::{MAX_NUMBER, Step, Story, Tense};
use crate::words::{ITEMS, PEOPLE, PLACES};

/// An endless stream of documents, each several paragraphs of prose.
///
/// The same seed gives the same documents.
#[derive(Debug, Clone)]
pub struct Prose {
    dice: Dice,
}

impl Prose {
    /// The stream for `seed`.
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed, "prose") }
    }

    fn paragraph(&mut self) -> String {
        match self.dice.below(10) {
            0..=3 => self.tale(),
            4..=6 => self.arithmetic(),
            7..=8 => self.writing(),
            _ => self.outing(),
        }
    }

    /// A situation with its calculation, with or without a question in between.
    fn tale(&mut self) -> String {
        let story = Story::draw(&mut self.dice, Split::Train);
        let tense = if self.dice.chance(50) { Tense::Present } else { Tense::Past };
        let setting = story.setting(tense);
        let question = if tense == Tense::Present && self.dice.chance(60) {
            format!(" {}", story.question())
        } else {
            String::new()
        };
        format!("{setting}{question} {} {}", story.rationale(), story.conclusion(tense))
    }

    /// Calculations one after the other.
    fn arithmetic(&mut self) -> String {
        let opening = self.dice.pick(&["We count:", "So", "It is known that", "First", "Then", "Note that"]);
        let steps: Vec<_> = (0..self.dice.between(3, 8)).map(|_| self.calculation().to_string()).collect();
        format!("{opening} {}.", steps.join(self.dice.pick(&[". So ", ", then ", " and ", ", "])))
    }

    fn calculation(&mut self) -> Step {
        let dice = &mut self.dice;
        match dice.below(8) {
            0..=2 => {
                let left = dice.between(1, MAX_NUMBER - 1);
                Step::new(left, '+', dice.between(1, MAX_NUMBER - left))
            }
            3..=5 => {
                let left = dice.between(2, MAX_NUMBER);
                Step::new(left, '-', dice.between(1, left - 1))
            }
            6 => Step::new(dice.between(1, 10), '*', dice.between(1, 10)),
            _ => {
                let (right, result) = (dice.between(1, 10), dice.between(1, 10));
                Step::new(right * result, '/', right)
            }
        }
    }

    /// Words and the same words in another form.
    fn writing(&mut self) -> String {
        let form = FORMS[self.dice.below(FORMS.len())];
        let words = draw_words(&mut self.dice, Split::Train);
        let (list, written) = (words.join(", "), form.apply(&words));
        match self.dice.below(3) {
            0 => format!("The words {list} {} are:\n{written}", form.description()),
            1 => format!("{} wrote these words {}: {list}\n{written}", self.name(), form.description()),
            _ => format!("These words {}: {list}\n{written}", form.description()),
        }
    }

    /// A few sentences in which nothing is calculated.
    fn outing(&mut self) -> String {
        let (name, friend) = (self.name(), self.name());
        let time = self.dice.pick(&["In the morning", "After lunch", "In the evening", "On Sunday"]);
        let place = self.dice.pick(&PLACES);
        let item = self.dice.pick(&ITEMS);
        let mood = self.dice.pick(&["happy", "tired", "hungry", "quiet"]);
        format!(
            "{time} {name} walked to the {place} and met {friend}. They talked about the {item} for a while. \
             Everyone was {mood} when they went home."
        )
    }

    fn name(&mut self) -> &'static str {
        PEOPLE[self.dice.below(PEOPLE.len())].name
    }
}

impl Iterator for Prose {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let paragraphs: Vec<_> = (0..self.dice.between(6, 12)).map(|_| self.paragraph()).collect();
        Some(paragraphs.join("\n\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TEST_ITEMS, micro_format, micro_math};

    fn text() -> String {
        Prose::new(1).take(3_000).collect()
    }

    #[test]
    fn the_text_has_no_chat_and_no_answer_line() {
        let text = text();
        for marker in ["<|", "ANSWER", "####", "user\n", "assistant"] {
            assert!(!text.contains(marker), "{marker}");
        }
    }

    #[test]
    fn no_test_question_appears_in_the_text() {
        let text = text();
        for item in micro_math(Split::Test, TEST_ITEMS, 0) {
            let setting = item.question.split(" How many").next().unwrap_or_default();
            assert!(!text.contains(setting), "{setting}");
        }
        for item in micro_format(Split::Test, TEST_ITEMS, 0) {
            assert!(!text.contains(&format!("{}\n", item.question.trim_start_matches("Write "))), "{}", item.question);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        assert_eq!(Prose::new(4).next(), Prose::new(4).next());
        assert_ne!(Prose::new(4).next(), Prose::new(5).next());
    }
}
