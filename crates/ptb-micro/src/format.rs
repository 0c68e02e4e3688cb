//! The `micro-format` benchmark: answer a word problem with its calculation in a stated form.

use crate::dice::Dice;
use crate::item::{Item, Problem, Split, collect_items, resolve};
use crate::story::{Story, Tense};

/// What is put around a calculation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    description: &'static str,
    before: &'static str,
    after: &'static str,
}

const fn form(description: &'static str, before: &'static str, after: &'static str) -> Form {
    Form { description, before, after }
}

const FORMS: [Form; 12] = [
    form("in square brackets", "[ ", " ]"),
    form("in round brackets", "( ", " )"),
    form("in curly braces", "{ ", " }"),
    form("between two bars", "| ", " |"),
    form("between two stars", "* ", " *"),
    form("after a dash", "- ", ""),
    form("after an arrow", "=> ", ""),
    form("as a heading", "# ", ""),
    form("as point one of a list", "1. ", ""),
    form("with a full stop", "", "."),
    form("with a question mark", "", "?"),
    form("after the word Result", "Result: ", ""),
];

/// Items of `micro-format`; the target is the whole reply, compared exactly.
///
/// Counts, seeds and splits work as in [`micro_math`](crate::micro_math); the split is decided in the same way.
pub fn micro_format(split: Split, count: usize, seed: u64) -> Vec<Item> {
    let (count, seed) = resolve(split, count, seed);
    let mut dice = Dice::new(seed, "micro-format");
    collect_items("micro-format", split, count, || {
        let form = FORMS[dice.below(FORMS.len())];
        let story = Story::draw(&mut dice, split);
        let target = format!("{}{}{}", form.before, story.calculation(), form.after);
        let (setting, question) = (story.setting(Tense::Present), story.question());
        let question = format!("{setting} {question}\nWrite the calculation {}.", form.description);
        Problem { question, answer: target.clone(), target }
    })
}

/// The user turn that puts a `micro-format` question to a model: the question says it all.
pub fn format_prompt(question: &str) -> String {
    question.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::item::TEST_ITEMS;

    #[test]
    fn the_target_is_the_calculation_in_the_asked_form() {
        for item in micro_format(Split::Train, 300, 4) {
            let form = FORMS.iter().find(|form| item.question.contains(form.description));
            let inner = form.and_then(|form| item.target.strip_prefix(form.before)?.strip_suffix(form.after));
            assert!(inner.is_some_and(|inner| inner.starts_with(['F', 'S']) && inner.contains(" = ")), "{item:?}");
        }
    }

    #[test]
    fn there_are_two_hundred_different_test_items() {
        let questions: HashSet<_> =
            micro_format(Split::Test, usize::MAX, 5).into_iter().map(|item| item.question).collect();
        assert_eq!(questions.len(), TEST_ITEMS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_training_question_is_a_test_question(seed in any::<u64>()) {
            let test: HashSet<_> =
                micro_format(Split::Test, TEST_ITEMS, 0).into_iter().map(|item| item.question).collect();
            for item in micro_format(Split::Train, 2_000, seed) {
                prop_assert!(!test.contains(&item.question), "{}", item.question);
            }
        }
    }
}
