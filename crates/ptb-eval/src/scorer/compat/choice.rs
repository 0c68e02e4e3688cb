//! The letter of a multiple-choice answer.
//!
//! Two patterns are tried, each from left to right: a line that is the answer and nothing else, then an answer anywhere.
//! The first place that fits one of them decides, also where what it holds is not one letter of a choice.

use super::Recorded;
use crate::scorer::python_text::{is_decimal, is_space, is_word, strip};

const MARKER: &str = "ANSWER";

/// GPQA's scorer: right where the letter is the target's.
pub fn score_choice(completion: &str, target: &str, choices: usize) -> Recorded {
    let letter = choice_letter(completion, choices);
    Recorded { is_right: letter.as_deref() == Some(target), answer: letter.unwrap_or_default() }
}

/// The label of the choice that a completion names, of so many choices.
pub fn choice_letter(completion: &str, choices: usize) -> Option<String> {
    let answer = choice_answer(completion)?;
    (0..choices).map(label).find(|label| label == answer)
}

/// What a completion states as its answer, whatever it is.
pub fn choice_answer(completion: &str) -> Option<&str> {
    line_answer(completion).or_else(|| any_answer(completion)).map(strip)
}

/// The label of a choice: `A` to `Z`, then numbers from 1 on.
pub fn label(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => char::from(b'A' + index).to_string(),
        _ => (index - 25).to_string(),
    }
}

/// What follows a marker at the beginning of a line, where only white space and perhaps a point follow it.
fn line_answer(text: &str) -> Option<&str> {
    text.split('\n').scan(0, |start, line| Some(std::mem::replace(start, *start + line.len() + 1))).find_map(|start| {
        let (blanks, rest) = after_marker(&text[start..])?;
        let answer = &rest[..answer_length(rest)];
        let behind = rest[answer.len()..].trim_start_matches(is_space);
        let skipped = &rest[answer.len()..rest.len() - behind.len()];
        let ends = behind.is_empty() || behind.starts_with('.');
        if !answer.is_empty() && (ends || skipped.contains('\n')) {
            return Some(answer);
        }
        // Blanks may stand for an answer, too.
        let first = blanks.find(' ')?;
        let ends = answer.is_empty() && ends;
        (ends || blanks[first..].contains('\n')).then_some("")
    })
}

/// What follows a marker anywhere, up to a character that belongs to no word.
fn any_answer(text: &str) -> Option<&str> {
    text.char_indices().find_map(|(start, _)| {
        let (blanks, rest) = after_marker(&text[start..])?;
        let answer = &rest[..answer_length(rest)];
        if !answer.is_empty() {
            if !rest[answer.len()..].starts_with(is_word) {
                return Some(answer);
            }
            let first = answer.chars().next().map_or(0, char::len_utf8);
            if let Some(end) = answer[first..].rfind([' ', ',']) {
                return Some(&answer[..first + end]);
            }
        }
        let blank = blanks.rfind(' ')?;
        let is_last = blank + 1 == blanks.len();
        let is_only = blanks.find(' ') == Some(blank);
        (!is_last || !is_only || !rest.starts_with(is_word)).then_some("")
    })
}

/// The white space behind a marker and its colon, and the text behind it.
fn after_marker(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    for expected in MARKER.chars() {
        let char = rest.chars().next().filter(|char| is_same_letter(*char, expected))?;
        rest = &rest[char.len_utf8()..];
    }
    let rest = rest.trim_start_matches(is_space).strip_prefix(':')?;
    let answer = rest.trim_start_matches(is_space);
    Some((&rest[..rest.len() - answer.len()], answer))
}

fn is_same_letter(char: char, expected: char) -> bool {
    char.eq_ignore_ascii_case(&expected) || (char == 'ſ' && expected == 'S')
}

/// How far letters, digits, blanks and commas reach. Python takes four other letters for ASCII ones without their case.
fn answer_length(text: &str) -> usize {
    let belongs = |char: char| {
        char.is_ascii_alphabetic() || matches!(char, ' ' | ',' | 'İ' | 'ı' | 'ſ' | '\u{212a}') || is_decimal(char)
    };
    text.find(|char| !belongs(char)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(text: &str) -> String {
        choice_letter(text, 4).unwrap_or_default()
    }

    #[test]
    fn a_line_of_its_own_comes_first() {
        for text in [
            "ANSWER: B",
            "answer : B.",
            "The ANSWER: C is wrong.\nANSWER: B",
            "ANSWER: B\nANSWER: C",
            "ANſWER:\n\nB  \n",
            "ANSWER: B. Because",
        ] {
            assert_eq!(letter(text), "B", "{text}");
        }
    }

    #[test]
    fn an_answer_inside_a_line_comes_second() {
        for text in ["My ANSWER: B!", "**ANSWER: B**", "ANSWER: B (the second)", "ANSWER: B é", "ANSWER:B-"] {
            assert_eq!(letter(text), "B", "{text}");
        }
    }

    #[test]
    fn the_first_place_decides() {
        for text in [
            "ANSWER: b",
            "ANSWER: A, B",
            "ANSWER: E",
            "ANSWER: \nB!",
            "ANSWER: .\n\nThe ANSWER: B!",
            "ANSWER: Bé",
            "B",
            "",
        ] {
            assert_eq!(letter(text), "", "{text}");
        }
    }

    #[test]
    fn labels_go_on_with_numbers() {
        assert_eq!(choice_letter("ANSWER: 2", 28), Some("2".to_owned()));
        assert_eq!(choice_letter("ANSWER: 2", 27), None);
    }
}
