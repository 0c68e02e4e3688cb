//! The strict text scorer.

use super::Scored;
use super::thought::without_thoughts;

/// Right where the answer, without thinking and surrounding white space, is the target to the letter.
pub fn score_exact_text(completion: &str, target: &str) -> Scored {
    let answer = without_thoughts(completion);
    let answer = answer.trim();
    if answer == target.trim() {
        Scored::right(answer)
    } else if answer.is_empty() {
        Scored::wrong(None, "the answer is empty")
    } else {
        Scored::wrong(Some(answer), "the answer differs from the target")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_surrounding_white_space_may_differ() {
        assert!(score_exact_text("<think>hm</think>\n SUN, MAP \n", "SUN, MAP").is_right());
        for wrong in ["SUN,MAP", "sun, map", "SUN, MAP.", "Here: SUN, MAP", ""] {
            assert!(!score_exact_text(wrong, "SUN, MAP").is_right(), "{wrong:?}");
        }
    }

    #[test]
    fn an_empty_answer_says_so() {
        assert_eq!(score_exact_text(" \n", "a").reason, "the answer is empty");
    }
}
