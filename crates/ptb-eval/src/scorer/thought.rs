//! Thinking is not part of the answer.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// The completion without `<think>...</think>` blocks.
///
/// Text before a closing tag without an opening one is thinking too, because chat templates may put the opening tag in
/// the prompt; so is everything after an opening tag that is never closed.
pub fn without_thoughts(completion: &str) -> String {
    let mut answer = String::with_capacity(completion.len());
    let mut rest = completion;
    loop {
        match (rest.find(OPEN), rest.find(CLOSE)) {
            (Some(open), Some(close)) if open < close => {
                answer.push_str(&rest[..open]);
                rest = &rest[close + CLOSE.len()..];
            }
            (_, Some(close)) => {
                answer.clear();
                rest = &rest[close + CLOSE.len()..];
            }
            (Some(open), None) => {
                answer.push_str(&rest[..open]);
                return answer;
            }
            (None, None) => {
                answer.push_str(rest);
                return answer;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_are_left_out_wherever_they_stand() {
        assert_eq!(without_thoughts("<think>19</think>\n18"), "\n18");
        assert_eq!(without_thoughts("a<think>b</think>c<think>d</think>e"), "ace");
        assert_eq!(without_thoughts("no tags"), "no tags");
    }

    #[test]
    fn a_missing_tag_makes_its_side_thinking() {
        assert_eq!(without_thoughts("some 4</think>3"), "3");
        assert_eq!(without_thoughts("3<think>perhaps 4"), "3");
    }

    proptest! {
        #[test]
        fn text_around_a_block_is_kept(before in "[a-z<>\u{e9}]{0,8}", inside in "[a-z ]{0,8}", after in "[a-z>]{0,8}") {
            prop_assert_eq!(without_thoughts(&format!("{before}<think>{inside}</think>{after}")), before + &after);
        }

        #[test]
        fn any_text_is_handled(text in "(<think>|</think>|a|\u{e9}|<){0,12}") {
            prop_assert!(without_thoughts(&text).len() <= text.len());
        }
    }
}
