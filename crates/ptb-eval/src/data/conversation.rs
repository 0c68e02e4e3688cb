//! Conversations in rows.

use serde_json::Value;

use super::error::RowProblem;
use crate::prompt::{ChatMessage, Role};

/// The turns of a field: a list of objects with `role` and `content`, or a text, which is one user turn.
pub(crate) fn turns(field: &str, value: &Value) -> Result<Vec<ChatMessage>, RowProblem> {
    let turns = match value {
        Value::String(text) => vec![ChatMessage { role: Role::User, content: text.clone() }],
        Value::Array(turns) => turns.iter().map(turn).collect::<Option<_>>().unwrap_or_default(),
        _ => Vec::new(),
    };
    if turns.is_empty() {
        return Err(RowProblem::NoConversation(field.to_owned()));
    }
    Ok(turns)
}

fn turn(value: &Value) -> Option<ChatMessage> {
    let role = match value.get("role")?.as_str()? {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return None,
    };
    Some(ChatMessage { role, content: value.get("content")?.as_str()?.to_owned() })
}

/// The turns as one text, for logs and for comparisons with other texts.
pub(crate) fn as_text(turns: &[ChatMessage]) -> String {
    if let [ChatMessage { role: Role::User, content }] = turns {
        return content.clone();
    }
    let lines: Vec<_> = turns.iter().map(|turn| format!("{}: {}", turn.role.name(), turn.content)).collect();
    lines.join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_one_turn_and_a_list_is_many() {
        assert_eq!(as_text(&turns("q", &json!("hi")).unwrap()), "hi");
        let list = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "more": 1}]);
        assert_eq!(as_text(&turns("q", &list).unwrap()), "user: a\n\nassistant: b");
    }

    #[test]
    fn anything_else_is_no_conversation() {
        let bad = [
            json!(null),
            json!([]),
            json!(3),
            json!(["x"]),
            json!([{"role": "judge", "content": "x"}]),
            json!([{"role": "user"}]),
            json!([{"role": "user", "content": null}]),
            json!([{"role": "user", "content": "x"}, 5]),
        ];
        for value in bad {
            assert_eq!(turns("q", &value), Err(RowProblem::NoConversation("q".to_owned())), "{value}");
        }
    }
}
