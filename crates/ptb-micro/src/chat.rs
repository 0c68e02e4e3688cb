//! Training items as chat rows, the input of supervised fine-tuning.

use serde_json::json;

use crate::format::{format_prompt, micro_format};
use crate::item::{Item, Split};
use crate::math::{math_prompt, math_reply, micro_math};

/// `count` training problems of `micro-math` as JSON lines `{"messages": [user turn, assistant turn]}`.
pub fn micro_math_chat(count: usize, seed: u64) -> String {
    let row = |item: &Item| chat_row(&math_prompt(&item.question), &math_reply(item));
    micro_math(Split::Train, count, seed).iter().map(row).collect()
}

/// `count` training problems of `micro-format` as JSON lines `{"messages": [user turn, assistant turn]}`.
pub fn micro_format_chat(count: usize, seed: u64) -> String {
    let row = |item: &Item| chat_row(&format_prompt(&item.question), &item.target);
    micro_format(Split::Train, count, seed).iter().map(row).collect()
}

/// One JSON line, newline included, with a user turn and the assistant's reply.
pub fn chat_row(prompt: &str, reply: &str) -> String {
    let messages = json!([{ "role": "user", "content": prompt }, { "role": "assistant", "content": reply }]);
    format!("{}\n", json!({ "messages": messages }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_one_question_and_one_reply() -> Result<(), serde_json::Error> {
        let rows = micro_math_chat(3, 1);
        assert_eq!(rows.lines().count(), 3);
        for line in rows.lines() {
            let row: serde_json::Value = serde_json::from_str(line)?;
            assert_eq!(row["messages"][0]["role"], "user");
            assert!(row["messages"][1]["content"].as_str().is_some_and(|reply| reply.contains("\nANSWER: ")));
        }
        Ok(())
    }
}
