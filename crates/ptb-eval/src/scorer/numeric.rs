//! The strict numeric scorer: the number after the last `ANSWER:` equals the target exactly.

use super::Scored;
use super::decimal::Decimal;
use super::quantity::read_quantity;
use super::thought::without_thoughts;

const MARKER: &[u8] = b"answer";

/// The number that a target of the data set states; none where it is not a number.
pub fn target_number(target: &str) -> Option<Decimal> {
    read_quantity(target).ok()
}

/// Compares the number after the last `ANSWER:` with the target.
///
/// Thinking is left out. The marker may be written in small letters and in markup. The number stands on the rest of its
/// line, or on the next line that is not empty; the module `quantity` has the grammar. An answer without marker or with
/// an unclear number is wrong, with the reason.
pub fn score_numeric(completion: &str, target: &Decimal) -> Scored {
    let answer = without_thoughts(completion);
    let Some(line) = answer_line(&answer) else {
        return Scored::wrong(None, "there is no line with ANSWER:");
    };
    match read_quantity(line) {
        Ok(number) if number == *target => Scored::right(&number.to_string()),
        Ok(number) => Scored::wrong(Some(&number.to_string()), "the number differs from the target"),
        Err(unreadable) => Scored::wrong(Some(line), unreadable.reason()),
    }
}

/// What stands after the last marker.
fn answer_line(answer: &str) -> Option<&str> {
    let mut end = answer.len();
    while let Some(start) = find_last_marker(&answer.as_bytes()[..end]) {
        let before = answer.get(..start).unwrap_or_default();
        if let Some(rest) = after_colon(&answer[start + MARKER.len()..])
            && !before.ends_with(char::is_alphanumeric)
        {
            return rest.lines().map(str::trim).find(|line| has_text(line)).or(Some(""));
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

    fn is_right(completion: &str, target: &str) -> bool {
        score_numeric(completion, &target_number(target).unwrap()).is_right()
    }

    #[test]
    fn the_last_marker_counts() {
        assert!(is_right("ANSWER: 19\nWait.\nANSWER: 18", "18"));
        assert!(!is_right("ANSWER: 18\nWait.\nANSWER: 19", "18"));
        assert!(!is_right("ANSWER: 18\nANSWER: nothing", "18"));
        assert!(is_right("<think>ANSWER: 19</think>ANSWER: 18<think>ANSWER: 20</think>", "18"));
    }

    #[test]
    fn the_marker_may_be_dressed_up() {
        for completion in [
            "answer: 18",
            "**ANSWER:** 18",
            "**ANSWER**: 18",
            "ANSWER:\n\n18",
            "ANSWER：18",
            "### ANSWER: 18",
            "ANSWER:18",
        ] {
            assert!(is_right(completion, "18"), "{completion}");
        }
    }

    #[test]
    fn a_missing_marker_is_wrong_with_a_reason() {
        let scored = score_numeric("The result is 18.", &target_number("18").unwrap());
        assert!(!scored.is_right() && scored.extracted_answer.is_none());
        assert!(scored.reason.contains("ANSWER:"), "{}", scored.reason);
        assert!(!is_right("reanswer: 18", "18"), "only the whole word is the marker");
    }

    #[test]
    fn endings_and_near_misses_are_wrong() {
        for (answer, target) in
            [("711", "11"), ("0.18", "18"), ("-18", "18"), ("118001", "118000"), ("17.999999", "18"), ("100000", "5")]
        {
            assert!(!is_right(&format!("ANSWER: {answer}"), target), "{answer} counts for {target}");
        }
    }

    #[test]
    fn text_after_the_answer_line_does_not_matter() {
        assert!(is_right("ANSWER: 18\n\nNote: this took 2 steps.", "18"));
    }

    proptest! {
        #[test]
        fn any_completion_gets_a_score(completion in "(ANSWER:|answer|\\n|[0-9]{1,3}|\\PC| |<think>|</think>){0,20}") {
            let scored = score_numeric(&completion, &target_number("18").unwrap());
            prop_assert_eq!(scored.is_right(), scored.score > 0.0);
        }

        #[test]
        fn a_number_is_right_exactly_for_itself(a in -2000_i32..2000, b in -2000_i32..2000, before in "[a-z0-9 \\n]{0,20}") {
            prop_assert_eq!(is_right(&format!("{before}\nANSWER: {a}"), &b.to_string()), a == b);
        }
    }
}
