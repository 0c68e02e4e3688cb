//! The `micro-math` benchmark: word problems with one or two steps.

use crate::dice::Dice;
use crate::item::{Item, Problem, Split, collect_items, resolve};
use crate::story::{Story, Tense};

/// Items of `micro-math`.
///
/// For [`Split::Test`] the first `count` of the 200 published items, whatever the seed; for [`Split::Train`] any number of
/// items for any seed. Person, item and numbers decide to which split a problem belongs, so no training item, whatever
/// its seed and wording, is a test item.
pub fn micro_math(split: Split, count: usize, seed: u64) -> Vec<Item> {
    let (count, seed) = resolve(split, count, seed);
    let mut dice = Dice::new(seed, "micro-math");
    collect_items("micro-math", split, count, || {
        let story = Story::draw(&mut dice, split);
        let target = story.result().to_string();
        Problem {
            question: format!("{} {}", story.setting(Tense::Present), story.question()),
            answer: format!("{}\n#### {target}", story.rationale()),
            target,
        }
    })
}

/// The user turn that puts a `micro-math` question to a model.
pub fn math_prompt(question: &str) -> String {
    format!("{question}\nLast line: ANSWER: N")
}

/// The reply that a trained model should give to an item of `micro-math`: the rationale and `ANSWER: N`.
pub fn math_reply(item: &Item) -> String {
    item.answer.replace("#### ", "ANSWER: ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::item::{TEST_ITEMS, to_jsonl};

    #[test]
    fn there_are_two_hundred_different_test_items_whatever_the_seed() {
        let items = micro_math(Split::Test, usize::MAX, 1);
        assert_eq!(items, micro_math(Split::Test, usize::MAX, 2));
        let questions: HashSet<_> = items.iter().map(|item| &item.question).collect();
        assert_eq!(questions.len(), TEST_ITEMS);
        assert_eq!(items[17].id, "micro-math/test/17");
    }

    #[test]
    fn the_gold_answer_ends_with_the_target() {
        for item in micro_math(Split::Train, 500, 9) {
            assert_eq!(item.answer.rsplit("\n#### ").next(), Some(item.target.as_str()));
            assert!(math_reply(&item).ends_with(&format!("\nANSWER: {}", item.target)));
        }
    }

    #[test]
    fn json_lines_carry_exactly_the_published_fields() -> Result<(), Box<dyn std::error::Error>> {
        let lines = to_jsonl(&micro_math(Split::Test, 2, 0))?;
        for line in lines.lines() {
            let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)?;
            assert_eq!(row.keys().collect::<Vec<_>>(), ["id", "question", "answer"]);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_training_question_is_a_test_question(seed in any::<u64>()) {
            let normal = |item: Item| item.question.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
            let test: HashSet<_> = micro_math(Split::Test, TEST_ITEMS, 0).into_iter().map(normal).collect();
            for item in micro_math(Split::Train, 2_000, seed) {
                let question = normal(item);
                prop_assert!(!test.contains(&question), "{}", question);
            }
        }
    }
}
