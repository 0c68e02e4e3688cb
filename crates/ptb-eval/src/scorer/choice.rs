//! The strict multiple-choice scorer.
//!
//! The reference's rule has no known defect: a line `ANSWER: X` decides, the first of several, and where there is none, the
//! first `ANSWER: X` inside a line. Only the letter of one of the item's choices counts. So the strict scorer reads answers
//! the same way and adds reasons.

use super::Scored;
use super::compat::{choice_answer, completion_of_content, label};

/// Compares the letter of the answer line with the target, of so many choices. The first thinking block is left out.
pub fn score_choice(completion: &str, target: &str, choices: usize) -> Scored {
    let completion = completion_of_content(completion);
    let Some(answer) = choice_answer(&completion) else {
        return Scored::wrong(None, "there is no line with ANSWER:");
    };
    if !is_label(answer, choices) {
        return Scored::wrong(Some(answer), "the answer is not the letter of one choice");
    }
    if answer == target {
        Scored::right(answer)
    } else {
        Scored::wrong(Some(answer), "the choice differs from the target")
    }
}

/// Whether a text is the label of one of so many choices.
pub(super) fn is_label(text: &str, choices: usize) -> bool {
    (0..choices).any(|index| label(index) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_tell_what_is_wrong() {
        let reason = |completion: &str| score_choice(completion, "B", 4).reason;
        assert_eq!(reason("ANSWER: B"), "equal to the target");
        assert!(reason("It is B.").contains("no line"));
        assert!(reason("ANSWER: A, B").contains("one choice"));
        assert!(reason("ANSWER: b").contains("one choice") && reason("ANSWER: E").contains("one choice"));
        assert!(reason("<think>ANSWER: B</think>ANSWER: C").contains("differs"));
    }

    #[test]
    fn labels_are_those_of_the_choices() {
        assert!(is_label("D", 4) && !is_label("E", 4) && !is_label("", 4) && !is_label("AB", 4));
    }
}
