//! From a reply to a completion.

use serde_json::Value;
use thiserror::Error;

use crate::engine::{Completion, StopReason, ToolCall};

/// A reply in which no answer can be found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedReply {
    /// No choice at all.
    #[error("the reply has no choices")]
    NoChoices,
    /// The choice says nothing.
    #[error("the reply's choice has no message")]
    NoMessage,
    /// The server gave up in the middle.
    #[error("the server aborted the answer")]
    Aborted,
}

/// The answer in a reply to a request with this token limit.
///
/// The choice with the lowest index counts. The old field `function_call` is not read, as the reference does not.
pub fn completion_of(reply: &Value, max_tokens: u32) -> Result<Completion, MalformedReply> {
    let choice = first_choice(reply).ok_or(MalformedReply::NoChoices)?;
    let message = choice["message"].as_object().ok_or(MalformedReply::NoMessage)?;
    let field = |name: &str| message.get(name).unwrap_or(&Value::Null);
    let text = content_text(field("content"));
    let tokens = |name: &str| reply["usage"][name].as_u64().unwrap_or(0);
    let output_tokens = tokens("completion_tokens");
    let reasoning = [field("reasoning_content"), field("reasoning")].into_iter().map(content_text);
    Ok(Completion {
        text: if text.is_empty() { content_text(field("refusal")) } else { text },
        reasoning: reasoning.into_iter().find(|text| !text.is_empty()),
        tool_calls: field("tool_calls").as_array().into_iter().flatten().filter_map(tool_call).collect(),
        stop_reason: stop_reason(&choice["finish_reason"], output_tokens, max_tokens)?,
        input_tokens: tokens("prompt_tokens"),
        output_tokens,
        seconds: None,
    })
}

fn first_choice(reply: &Value) -> Option<&Value> {
    let choices = reply["choices"].as_array()?;
    choices.iter().min_by_key(|choice| choice["index"].as_u64().unwrap_or(u64::MAX))
}

/// The text of a message's content: a string, or the texts of its parts.
fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(part_text).collect(),
        _ => String::new(),
    }
}

fn part_text(part: &Value) -> Option<&str> {
    match part["type"].as_str() {
        None | Some("text" | "output_text") => part.as_str().or_else(|| part["text"].as_str()),
        Some("refusal") => part["refusal"].as_str(),
        Some(_) => None,
    }
}

/// Calls without a function are no calls.
fn tool_call(call: &Value) -> Option<ToolCall> {
    if call["type"].as_str().is_some_and(|kind| kind != "function") {
        return None;
    }
    let function = call["function"].as_object()?;
    let arguments = match function.get("arguments") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    Some(ToolCall {
        id: call["id"].as_str().unwrap_or_default().to_owned(),
        name: function.get("name")?.as_str()?.to_owned(),
        arguments,
    })
}

/// A server that stops before the request's limit has filled the model's context.
fn stop_reason(finish: &Value, output_tokens: u64, max_tokens: u32) -> Result<StopReason, MalformedReply> {
    match finish.as_str() {
        Some("length") if (1..u64::from(max_tokens)).contains(&output_tokens) => Ok(StopReason::ModelLength),
        Some("length" | "max_tokens") => Ok(StopReason::MaxTokens),
        Some("model_length") => Ok(StopReason::ModelLength),
        Some("abort" | "error") => Err(MalformedReply::Aborted),
        _ => Ok(StopReason::Stop),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reply(message: &Value, finish: &Value) -> Value {
        json!({"choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}]})
    }

    fn text(message: &Value) -> String {
        completion_of(&reply(message, &json!("stop")), 10).unwrap().text
    }

    #[test]
    fn the_text_is_found_in_every_form() {
        assert_eq!(text(&json!({"role": "assistant", "content": "ANSWER: 18"})), "ANSWER: 18");
        assert_eq!(text(&json!({"content": [{"type": "text", "text": "a"}, {"type": "image"}, "b"]})), "ab");
        assert_eq!(text(&json!({"content": "a", "refusal": "no"})), "a");
        for empty in [json!({"content": null}), json!({}), json!({"content": 5}), json!({"content": []})] {
            assert_eq!(text(&empty), "");
        }
        assert_eq!(text(&json!({"content": null, "refusal": "no"})), "no");
    }

    #[test]
    fn thoughts_are_kept_apart() {
        for field in ["reasoning_content", "reasoning"] {
            let completion = completion_of(&reply(&json!({"content": "b", field: "a"}), &json!("stop")), 10).unwrap();
            assert_eq!((completion.text.as_str(), completion.reasoning.as_deref()), ("b", Some("a")));
        }
    }

    #[test]
    fn calls_are_read_and_the_old_field_is_not() {
        let calls = |message: Value| completion_of(&reply(&message, &json!("tool_calls")), 10).unwrap().tool_calls;
        let call = |arguments: &Value| json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let many =
            calls(json!({"tool_calls": [call(&json!("{\"a\": 1}")), call(&json!({"a": 1})), call(&Value::Null)]}));
        let arguments: Vec<_> = many.iter().map(|call| call.arguments.as_str()).collect();
        assert_eq!(arguments, ["{\"a\": 1}", "{\"a\":1}", ""]);
        let other = json!([{"type": "custom", "function": {"name": "f", "arguments": "{}"}}]);
        let odd = json!([{}, null, {"function": {}}, {"function": "f"}]);
        let none = [json!(null), json!([]), json!("f()"), odd, other];
        for odd in none {
            assert_eq!(calls(json!({"tool_calls": odd, "function_call": {"name": "f", "arguments": "{}"}})), []);
        }
    }

    #[test]
    fn the_end_is_told() {
        let end = |finish: Value, tokens: Value| {
            let mut reply = reply(&json!({"content": "a"}), &finish);
            reply["usage"] = json!({"prompt_tokens": 5, "completion_tokens": tokens});
            completion_of(&reply, 10).map(|completion| completion.stop_reason)
        };
        for finish in [json!("stop"), json!("tool_calls"), json!("content_filter"), json!(null), json!("new")] {
            assert_eq!(end(finish, json!(4)), Ok(StopReason::Stop));
        }
        assert_eq!(end(json!("length"), json!(10)), Ok(StopReason::MaxTokens));
        assert_eq!(end(json!("length"), json!(null)), Ok(StopReason::MaxTokens));
        assert_eq!(end(json!("length"), json!(4)), Ok(StopReason::ModelLength));
        assert_eq!(end(json!("abort"), json!(4)), Err(MalformedReply::Aborted));
    }

    #[test]
    fn choices_count_by_their_index() {
        let choice = |index: u32, text: &str| json!({"index": index, "message": {"content": text}});
        let reply = json!({"choices": [choice(1, "ANSWER: 5"), choice(0, "ANSWER: 18")]});
        assert_eq!(completion_of(&reply, 10).unwrap().text, "ANSWER: 18");
    }

    #[test]
    fn replies_without_an_answer_are_errors() {
        for none in [json!({}), json!({"choices": []}), json!({"choices": null}), json!([]), json!("text"), json!(null)]
        {
            assert_eq!(completion_of(&none, 10), Err(MalformedReply::NoChoices), "{none}");
        }
        assert_eq!(completion_of(&json!({"choices": [{"text": "a"}]}), 10), Err(MalformedReply::NoMessage));
    }

    proptest! {
        #[test]
        fn any_json_can_be_read(text in r#"(\{|\}|\[|\]|"choices":|"message":|"content":|"index":|,|"a"|1|-1|null){0,24}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = completion_of(&value, 1);
            }
        }
    }
}
