//! The pre-training text: arithmetic in plain prose, narrative problems, lists and little stories.
//!
//! It has neither chat turns nor an `ANSWER:` line, and every situation in it belongs to the training split.

use crate::dice::Dice;
use crate::item::Split;
use crate::lists::{FORMS, draw_words};
use crate::story::{MAX_NUMBER, Step, Story, Tense};
use crate::words::{ITEMS, PEOPLE, PLACES};

const GAPS: [&str; 4] = [" ", " ", "\n", "\n\n"];
const ASIDES: [&str; 12] = [
    "It was a warm day.",
    "Nobody said a word.",
    "This is easy to see.",
    "We think about it for a moment.",
    "The line below says it.",
    "The last line says it.",
    "Rain fell on the roof:",
    "Let us see.",
    "Here it is:",
    "There is more than one way to say this, but only one is short.",
    "A bird sang.",
    "The clock on the wall was slow, as it had been all day.",
];

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
        match self.dice.below(20) {
            0..=8 => self.tale(),
            9..=12 => self.arithmetic(),
            13..=18 => self.writing(),
            _ => self.outing(),
        }
    }

    /// A situation with its calculation, with or without a question in between.
    fn tale(&mut self) -> String {
        let story = Story::draw(&mut self.dice, Split::Train);
        let tense = if self.dice.chance(50) { Tense::Present } else { Tense::Past };
        let setting = story.setting(tense);
        let question = if tense == Tense::Present && self.dice.chance(70) {
            format!(" {}", story.question())
        } else {
            String::new()
        };
        let pause = self.pause();
        let conclusion = if self.dice.chance(50) { format!(" {}", story.conclusion(tense)) } else { String::new() };
        format!("{setting}{question}{pause}{}{conclusion}", story.rationale())
    }

    /// What stands between a situation and its calculation: often a blank, else up to three asides.
    ///
    /// Without them a model would learn to find the numbers of a situation at fixed distances only.
    fn pause(&mut self) -> String {
        let mut pause = String::new();
        if self.dice.chance(75) {
            for _ in 0..self.dice.between(0, 3) {
                pause.push_str(self.dice.pick(&GAPS));
                pause.push_str(&self.aside());
            }
        }
        pause.push_str(self.dice.pick(&GAPS));
        pause
    }

    fn aside(&mut self) -> String {
        match self.dice.below(5) {
            0..=2 => self.dice.pick(&ASIDES).to_owned(),
            3 => self.mark(),
            _ => format!("{} listened to {}.", self.name(), self.name()),
        }
    }

    /// A mark such as books have between paragraphs: a few signs and letters without a meaning.
    fn mark(&mut self) -> String {
        let signs = b"!#%&()*+-./:;<=>?@[]_~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut mark = String::new();
        for _ in 0..self.dice.between(1, 10) {
            mark.push(char::from(signs[self.dice.below(signs.len())]));
            if self.dice.chance(30) {
                mark.push_str(self.dice.pick(&GAPS));
            }
        }
        mark
    }

    /// Calculations one after the other.
    fn arithmetic(&mut self) -> String {
        let opening = self.dice.pick(&["We count:", "So", "It is known that", "First", "Then", "Note that"]);
        let steps: Vec<_> = (0..self.dice.between(3, 8)).map(|_| calculation(&mut self.dice).to_string()).collect();
        format!("{opening} {}.", steps.join(self.dice.pick(&[". So ", ", then ", " and ", ", "])))
    }

    /// Words and the same words in another form.
    fn writing(&mut self) -> String {
        let form = FORMS[self.dice.below(FORMS.len())];
        let words = draw_words(&mut self.dice, Split::Train);
        let (list, written, form) = (words.join(", "), form.apply(&words), form.description());
        let pause = if self.dice.chance(50) { "\n".to_owned() } else { self.pause() + "\n" };
        match self.dice.below(4) {
            0 => format!("The words {list} {form} are:{pause}{written}"),
            1 => format!("{} wrote these words {form}: {list}{pause}{written}", self.name()),
            _ => format!("These words {form}: {list}{pause}{written}"),
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

/// A calculation with an exact, positive result of at most [`MAX_NUMBER`].
fn calculation(dice: &mut Dice) -> Step {
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
    use crate::{TEST_ITEMS, micro_math};

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
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        assert_eq!(Prose::new(4).next(), Prose::new(4).next());
        assert_ne!(Prose::new(4).next(), Prose::new(5).next());
    }
}
