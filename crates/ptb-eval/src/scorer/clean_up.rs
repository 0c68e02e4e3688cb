//! From a model's message to the text that a judge sees: thinking goes, loops are cut short.
//!
//! Both judged benchmarks clean up in the same way, and scores are comparable only when it is this way to the letter.

mod blocks;
mod periods;

use blocks::{limit_blocks, limit_lines};
use periods::limit_periods;

use super::python_text::strip;

/// How often anything may stand in a row.
const MOST: usize = 5;
/// Cutting one loop can make another one visible; after so many rounds the text stays as it is.
const ROUNDS: usize = 10;

/// The answer in a model's message: without the thinking block it begins with, surrounding white space and loops.
pub fn answer_for_judge(message: &str) -> String {
    let message = strip(message);
    let answer = match message.strip_prefix("<think>").and_then(|thinking| thinking.split_once("</think>")) {
        Some((_, answer)) => strip(answer),
        None => message,
    };
    limit_repetitions(answer)
}

/// The text with at most five repetitions in a row: of a line, of a block of lines, and of any sequence of 3 to 500
/// characters.
pub fn limit_repetitions(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let mut changed = false;
        for limit in [limit_lines, limit_blocks, limit_periods] {
            if let Some(shorter) = limit(&text) {
                text = shorter;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_first_thinking_block_goes() {
        assert_eq!(answer_for_judge("<think>a</think> b <think>c</think> "), "b <think>c</think>");
        assert_eq!(answer_for_judge("<think>never closed"), "<think>never closed");
        assert_eq!(answer_for_judge("a</think>b"), "a</think>b");
    }

    #[test]
    fn loops_are_cut_to_five() {
        assert_eq!(limit_repetitions(&"one line\n".repeat(9)), "one line\n".repeat(5));
        assert_eq!(limit_repetitions(&"very ".repeat(5)), "very ".repeat(5));
        assert_eq!(
            limit_repetitions(&format!("it is {}good", "very ".repeat(400))),
            format!("it is {}good", "very ".repeat(5))
        );
    }

    #[test]
    fn a_long_answer_takes_no_time() {
        let numbers = (0..40_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string());
        let text = numbers.collect::<Vec<_>>().join(" ");
        assert_eq!(limit_repetitions(&text), text);
        assert!(limit_repetitions(&"ab\n".repeat(100_000)).len() < 50);
    }

    proptest! {
        #[test]
        fn texts_only_get_shorter(text in "[ab\\n\u{e9}]{0,120}", often in 1_usize..9) {
            let text = text.repeat(often);
            prop_assert!(limit_repetitions(&text).len() <= text.len());
        }
    }
}
