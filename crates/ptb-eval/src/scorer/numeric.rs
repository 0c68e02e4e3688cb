//! The strict numeric scorer.
//!
//! It reads an answer where the reference reads it, so that both call the same answers well-formed: the last word that is
//! a numeral, else the last word of all where it ends with one. Then it is exact where the reference is not: the number
//! must equal the target and not only end with the same digits, all its digits count, and what stands around the word may
//! not change its value (`minus 18`, `18 thousand`, `18 1/2`). Targets with signs or separators, which the reference
//! compares as texts, are compared as numbers; there the answer is the line of the last `ANSWER:`, or else the last line.

use super::Scored;
use super::compat::{completion_of_content, looks_numeric, number_of, without_boxed, without_signs};
use super::decimal::Decimal;
use super::digits::plain;
use super::python_text::{fold_case, is_space, strip};
use super::quantity::{Unreadable, is_negative, read_quantity, read_scale};
use super::thought::without_thoughts;

const MARKER: &[u8] = b"answer";

/// An answer that states no number: what was looked at, and why.
type NoNumber<'a> = (Option<&'a str>, Unreadable);

/// The number that a target of the data set states; none where it is not a number.
pub fn target_number(target: &str) -> Option<Decimal> {
    read_quantity(target).ok()
}

/// Compares the number that a completion ends with with the target; none where the target is not a number.
///
/// The first thinking block is left out, and with `boxed` also `\boxed{}` around numbers.
pub fn score_numeric(completion: &str, target: &str, boxed: bool) -> Option<Scored> {
    let expected = target_number(target)?;
    let mut answer = completion_of_content(completion);
    if boxed {
        answer = without_boxed(&answer);
    }
    let is_plain = strip(target).bytes().all(|byte| byte.is_ascii_digit());
    let stated = if is_plain { last_number(&answer) } else { line_number(&answer) };
    Some(compared(stated, &expected))
}

/// Compares the number on the line of the last `ANSWER:` with the target; none where the target is not a number. Thinking
/// is left out, and without the marker an answer is wrong.
pub fn score_marked_number(completion: &str, target: &str) -> Option<Scored> {
    let expected = target_number(target)?;
    let answer = without_thoughts(completion);
    let Some((_, rest)) = last_marker(&answer) else {
        return Some(Scored::wrong(None, "there is no line with ANSWER:"));
    };
    let line = first_line(rest);
    Some(compared(read_quantity(line).map_err(|why| (Some(line), why)), &expected))
}

fn compared(stated: Result<Decimal, NoNumber<'_>>, expected: &Decimal) -> Scored {
    match stated {
        Ok(number) if number == *expected => Scored::right(&number.to_string()),
        Ok(number) => Scored::wrong(Some(&number.to_string()), "the number differs from the target"),
        Err((answer, unreadable)) => Scored::wrong(answer, unreadable.reason()),
    }
}

/// The number of the last word that is one, with what its line says about it.
fn last_number(answer: &str) -> Result<Decimal, NoNumber<'_>> {
    let word = find_word(strip(answer));
    if word.text.is_empty() {
        return Err((None, Unreadable::NoNumber));
    }
    let cleaned = without_signs(word.text);
    if !looks_numeric(&cleaned) {
        return ending_number(&cleaned, word.before).map_err(|why| (Some(word.text), why));
    }
    let Some(number) = exact_number(&cleaned) else { return line_number(answer) };
    let changed = |why| (Some(word.text), why);
    let before = plain(word.before);
    let negative = !is_separator(&before) && is_negative(&before).map_err(changed)?;
    let after = plain(word.after);
    let (power, rest) = read_scale(&after).map_err(changed)?;
    if power != 0 || is_fraction(rest) {
        return Err(changed(Unreadable::Changed));
    }
    match number_after_marker(answer, word.text) {
        Some((line, other)) if other != number => Err((Some(line), Unreadable::Glued)),
        _ => Ok(number.with_sign(negative)),
    }
}

/// The number of the answer line, where the word does not stand behind the marker.
fn number_after_marker<'a>(answer: &'a str, word: &str) -> Option<(&'a str, Decimal)> {
    let (_, rest) = last_marker(answer)?;
    if rest.as_ptr() <= word.as_ptr() {
        return None;
    }
    let line = first_line(rest);
    read_quantity(line).ok().map(|number| (line, number))
}

/// A word with the rest of its line.
struct Word<'a> {
    before: &'a str,
    text: &'a str,
    after: &'a str,
}

/// The last word that is a numeral, else the last word.
fn find_word(text: &str) -> Word<'_> {
    let is_number = |word: &&str| looks_numeric(&without_signs(word));
    let last = text.rsplit(is_space).next().unwrap_or_default();
    let word = text.rsplit(is_space).find(is_number).unwrap_or(last);
    let start = word.as_ptr() as usize - text.as_ptr() as usize;
    let (before, rest) = text.split_at(start);
    let (word, after) = rest.split_at(word.len());
    Word {
        before: before.rsplit('\n').next().unwrap_or_default(),
        text: word,
        after: after.split('\n').next().unwrap_or_default(),
    }
}

/// The number at the end of a word that has something else in front, such as `x=18`.
fn ending_number(word: &str, before: &str) -> Result<Decimal, Unreadable> {
    let word = plain(word);
    let digits = word.rsplit(|char: char| !char.is_ascii_digit() && char != '.').next().unwrap_or_default();
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if digits.is_empty() {
        return Err(Unreadable::NoNumber);
    }
    if fraction.contains('.') {
        return Err(Unreadable::Malformed);
    }
    let context = format!("{} {}", plain(before), &word[..word.len() - digits.len()]);
    let context = last_marker(&context).map_or(&*context, |(_, after)| after);
    let side = context.rsplit('=').next().unwrap_or_default();
    if side.contains(|char: char| char.is_ascii_digit()) {
        return Err(Unreadable::Several);
    }
    Ok(Decimal::new(false, whole, fraction).with_sign(is_negative(side)?))
}

/// The value of a numeral; none where it has no exact one.
fn exact_number(word: &str) -> Option<Decimal> {
    let digits = plain(word);
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Some(Decimal::new(false, whole, fraction));
    }
    let value = number_of(&fold_case(word)).ok().filter(|value| value.is_finite())?;
    read_quantity(&value.to_string()).ok()
}

/// A dash in the place of the marker's colon is no sign.
fn is_separator(before: &str) -> bool {
    let marker = before.trim_end().strip_suffix('-').map(str::trim_end).unwrap_or_default().as_bytes();
    marker.len() >= MARKER.len() && marker[marker.len() - MARKER.len()..].eq_ignore_ascii_case(MARKER)
}

fn is_fraction(rest: &str) -> bool {
    let word = rest.trim_start().split(' ').next().unwrap_or_default();
    let is_digits = |text: &str| text.starts_with(|char: char| char.is_ascii_digit());
    word.split_once('/').is_some_and(|(above, below)| is_digits(above) && is_digits(below))
}

/// The number on the line of the last marker, or on the last line where there is no marker.
fn line_number(answer: &str) -> Result<Decimal, NoNumber<'_>> {
    let line = match last_marker(answer) {
        Some((_, rest)) => first_line(rest),
        None => answer.lines().map(str::trim).rfind(|line| has_text(line)).unwrap_or_default(),
    };
    read_quantity(line).map_err(|why| (Some(line), why))
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| has_text(line)).unwrap_or_default()
}

/// What stands before and after the last marker and its colon. Small letters and markup do not matter.
fn last_marker(text: &str) -> Option<(&str, &str)> {
    let mut end = text.len();
    while let Some(start) = find_last_marker(&text.as_bytes()[..end]) {
        let before = text.get(..start).unwrap_or_default();
        if let Some(rest) = after_colon(&text[start + MARKER.len()..])
            && !before.ends_with(char::is_alphanumeric)
        {
            return Some((before, rest));
        }
        end = start;
    }
    None
}
fn find_last_marker(bytes: &[u8]) -> Option<usize> {
    bytes.windows(MARKER.len()).rposition(|window| window.eq_ignore_ascii_case(MARKER))
}

/// The text after the colon; blanks and markup may stand between word and colon.
fn after_colon(text: &str) -> Option<&str> {
    text.trim_start_matches([' ', '*', '_', '`']).strip_prefix([':', '：'])
}

/// A line of markup only, such as the end of `**ANSWER:**`, is no line of text.
fn has_text(line: &str) -> bool {
    line.contains(|char: char| !matches!(char, '*' | '_' | '`') && !char.is_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scorer::compat;

    fn is_right(completion: &str, target: &str) -> bool {
        score_numeric(completion, target, false).unwrap().is_right()
    }

    #[test]
    fn the_last_number_counts() {
        for completion in [
            "ANSWER: 19\nWait.\nANSWER: 18",
            "18",
            "**ANSWER:** 18",
            "ANSWER:\n\n18",
            "ANSWER:18",
            "ANSWER - 18",
            "ANSWER: $18.00",
            "ANSWER: 16 + 2 = 18",
            "x=18",
            "ANSWER: 18 eggs\n\nI hope this helps!",
            "ANSWER: 18 (out of 100)",
            "<think>19</think>ANSWER: 18",
            "ANSWER: 十八",
        ] {
            assert!(is_right(completion, "18"), "{completion}");
        }
        for completion in
            ["ANSWER: 18\nWait.\nANSWER: 19", "ANSWER: 18\n\nThis took 2 steps.", "ANSWER: 18%", "", "eighteen"]
        {
            assert!(!is_right(completion, "18"), "{completion}");
        }
    }

    #[test]
    fn the_defects_of_the_reference_are_gone() {
        for (answer, target) in [
            ("711", "11"),
            ("0.18", "18"),
            ("-18", "18"),
            ("118001", "118000"),
            ("17.999999", "18"),
            ("100000", "5"),
            ("minus 18", "18"),
            ("- 18", "18"),
            ("18 thousand", "18"),
            ("18 × 10^3", "18"),
            ("18 1/2", "18"),
            ("1:18", "18"),
            ("2024-01-18", "18"),
            ("10⁹⁹⁹", "18"),
            ("ⅻ5", "5"),
        ] {
            assert!(!is_right(&format!("ANSWER: {answer}"), target), "{answer} counts for {target}");
        }
        assert!(!is_right("After 18 steps\nANSWER: -3", "18"), "the answer line has another number");
    }

    #[test]
    fn targets_with_signs_are_numbers() {
        for (answer, target) in [
            ("-3 dollars", "-3"),
            ("minus 3", "-3"),
            ("14000", "14,000"),
            ("14k", "14,000"),
            ("\\boxed{14,000}", "14,000"),
        ] {
            assert!(is_right(&format!("ANSWER: {answer}"), target), "{answer} does not count for {target}");
        }
        assert!(
            is_right("14,000", "14,000") && !is_right("ANSWER: 114,000", "14,000") && !is_right("ANSWER: 13", "-3")
        );
        assert_eq!(score_numeric("ANSWER: 1", "N/A", false), None);
    }

    #[test]
    fn boxes_are_read_where_the_benchmark_allows_them() {
        let is_right = |boxed| score_numeric("ANSWER: $\\boxed{18}$", "18", boxed).unwrap().is_right();
        assert!(is_right(true) && !is_right(false));
    }

    #[test]
    fn a_marker_can_be_asked_for() {
        let is_right = |completion: &str| score_marked_number(completion, "18").unwrap().is_right();
        assert!(is_right("ANSWER: 19\nWait.\n**ANSWER:** 18\n\nThis took 2 steps."));
        assert!(!is_right("It is 18") && !is_right("ANSWER: 19, not 18") && !is_right("reanswer: 18"));
    }

    #[test]
    fn reasons_show_what_was_looked_at() {
        let scored = score_numeric("The result is 18 dozen", "18", false).unwrap();
        assert_eq!(scored.extracted_answer.as_deref(), Some("18"));
        assert!(scored.reason.contains("changes its value"), "{}", scored.reason);
        assert_eq!(score_numeric(" \n", "18", false).unwrap().extracted_answer, None);
    }

    proptest! {
        #[test]
        fn what_is_right_is_right_for_the_reference(
            completion in "(ANSWER:|answer|\\n|[0-9]{1,3}|[-+.,=/½²八$]|\\PC| |<think>|</think>){0,20}", target in 0_u32..30
        ) {
            let target = target.to_string();
            let is_right = score_numeric(&completion, &target, false).unwrap().is_right();
            if let Ok(recorded) = compat::score_numeric(&completion_of_content(&completion), &target) {
                prop_assert!(recorded.is_right || !is_right);
            }
        }

        #[test]
        fn a_number_is_right_exactly_for_itself(a in -2000_i32..2000, b in -2000_i32..2000, before in "[a-z0-9 \\n]{0,20}") {
            prop_assert_eq!(is_right(&format!("{before}\nANSWER: {a}"), &b.to_string()), a == b);
        }
    }
}
