//! `match(numeric=True)`, and its variant for AIME.
//!
//! The last word that looks like a number is written with five digits, and the answer counts where this text ends with
//! the target's. A target that is not a numeral is compared as a text.

use super::boxed::without_boxed;
use super::five_digits::five_digits;
use super::number::number_of;
use super::{Raised, Recorded};
use crate::scorer::python_text::{fold_case, is_decimal, is_numeric, is_space, strip};

/// GSM8K's scorer.
pub fn score_numeric(completion: &str, target: &str) -> Result<Recorded, Raised> {
    let answer = strip(completion);
    let (value, target) = (fold_case(answer), fold_case(strip(target)));
    if is_numeric(&target) {
        let target = normal_number(&without_signs(&target))?;
        let answer = last_number(&without_signs(&value))?;
        return Ok(Recorded { is_right: answer.ends_with(&target), answer });
    }
    let is_right = without_punctuation(&value).ends_with(without_punctuation(&target));
    Ok(Recorded { is_right, answer: answer.to_owned() })
}

/// AIME's scorer: `\boxed{}` is taken off first. The second value is the completion without it.
pub fn score_aime(completion: &str, target: &str) -> (Result<Recorded, Raised>, String) {
    let completion = without_boxed(completion);
    (score_numeric(&completion, target), completion)
}

/// The last word that is a numeral up to points, else the last word of all; empty words count.
fn last_number(text: &str) -> Result<String, Raised> {
    let mut words = text.rsplit(is_space);
    // Several blanks in a row separate two words and not three; only at an end an empty word is left.
    let last = if text.ends_with(is_space) { "" } else { words.clone().next().unwrap_or_default() };
    normal_number(words.find(|word| looks_numeric(word)).unwrap_or(last))
}

fn normal_number(word: &str) -> Result<String, Raised> {
    if looks_numeric(word) { number_of(word).map(five_digits) } else { Ok(word.to_owned()) }
}

pub(in crate::scorer) fn looks_numeric(word: &str) -> bool {
    is_numeric(&word.replace('.', ""))
}

/// Without currency signs, commas and markup, and without points that no digit follows.
pub(in crate::scorer) fn without_signs(text: &str) -> String {
    let kept = text.replace(['$', ',', '£', '€', '*', '_'], "");
    let mut chars = kept.chars().peekable();
    let mut text = String::with_capacity(kept.len());
    while let Some(char) = chars.next() {
        if char != '.' || chars.peek().copied().is_some_and(is_decimal) {
            text.push(char);
        }
    }
    text
}

fn without_punctuation(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_ascii_punctuation() || char.is_ascii_whitespace() || char == '\u{b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_right(completion: &str, target: &str) -> bool {
        score_numeric(completion, target).unwrap().is_right
    }

    #[test]
    fn the_defects_are_kept() {
        for (answer, target) in
            [("711", "11"), ("0.18", "18"), ("-18", "18"), ("118004", "118000"), ("17.999999", "18")]
        {
            assert!(is_right(&format!("ANSWER: {answer}"), target), "{answer} does not count for {target}");
        }
        assert!(!is_right("ANSWER: \\boxed{18}", "18") && !is_right("ANSWER: 18%", "18"));
        assert!(is_right("ANSWER: 14,000", "14,000") && !is_right("ANSWER: 14000", "14,000"));
    }

    #[test]
    fn the_last_word_is_shown_where_no_word_is_a_number() {
        let answer = |text: &str| score_numeric(text, "18").unwrap().answer;
        assert_eq!(answer("It is ELEVEN"), "eleven");
        assert_eq!(answer("a $"), "", "the blank before the sign ends the text");
        assert_eq!(answer(""), "");
        assert_eq!(answer("5\u{1c}six .5."), "0.5");
    }

    #[test]
    fn some_numerals_make_it_raise() {
        let raised = score_numeric("ANSWER: Ⅻ5", "18").unwrap_err();
        assert_eq!(raised.to_string(), "ValueError(\"Could not parse number from 'ⅻ5'\")");
    }

    #[test]
    fn boxes_are_taken_off_for_aime() {
        let (recorded, completion) = score_aime("ANSWER: \\boxed{70}", "70");
        assert!(recorded.unwrap().is_right);
        assert_eq!(completion, "ANSWER: 70");
    }
}
