//! The server's reply, and the completion that scorers see of it.

use serde_json::{Map, Value};

use super::Raised;
use crate::scorer::python_text::{is_space, strip};

/// A reply as a server gave it. Everything in it is hostile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawReply {
    /// The text; none for `null`.
    pub content: Option<String>,
    /// The function calls: a list at best.
    pub tool_calls: Option<Value>,
    /// Why the reply ended, in the server's words.
    pub finish_reason: Option<String>,
    /// Other fields of the message.
    pub extra: Map<String, Value>,
    /// The status, where it is not 200.
    pub http_status: Option<u16>,
    /// The body that came with that status.
    pub http_body: Option<Value>,
}

impl RawReply {
    /// A reply of just a text.
    pub fn of_text(content: &str) -> Self {
        Self { content: Some(content.to_owned()), ..Self::default() }
    }

    /// The completion that a scorer sees: the text without its first thinking block; a refusal takes the text's place, and
    /// so does the server's message that the context is too short.
    pub fn completion(&self) -> Result<String, Raised> {
        if let Some(status) = self.http_status.filter(|status| *status != 200) {
            let message = self.error_message();
            let is_too_long = status == 400
                && ["maximum context length", "max_tokens must be at least 1"]
                    .iter()
                    .any(|part| message.contains(part));
            return if is_too_long { Ok(completion_of_content(&message)) } else { Err(refused(status, &message)) };
        }
        let field = |name: &str| self.extra.get(name).and_then(Value::as_str);
        let refusal = field("refusal");
        let content = refusal.filter(|text| !text.is_empty()).or(self.content.as_deref()).unwrap_or_default();
        let has = |name: &str, empty: &[Value]| self.extra.get(name).is_some_and(|value| !empty.contains(value));
        let has_reasoning =
            has("reasoning_content", &[Value::Null, Value::from("")]) || has("reasoning", &[Value::Null]);
        // Where the server tells thinking or a refusal apart, the text is taken as it is.
        Ok(if refusal.is_some() || has_reasoning { content.to_owned() } else { completion_of_content(content) })
    }

    fn error_message(&self) -> String {
        let body = self.http_body.as_ref().unwrap_or(&Value::Null);
        let error = body.get("error").unwrap_or(body);
        match error.get("message") {
            Some(Value::String(message)) => message.clone(),
            Some(message) => message.to_string(),
            None => body.to_string(),
        }
    }
}

/// The evaluation of the reference ends with a status that says nothing about the context.
fn refused(status: u16, message: &str) -> Raised {
    Raised::new("RuntimeError", &format!("the server answered with status {status}: {message}"))
}

/// The text without its first `<think>` block; white space around it goes only where there was one.
pub fn completion_of_content(content: &str) -> String {
    let mut from = 0;
    while let Some(start) = content[from..].find("<think").map(|place| from + place) {
        from = start + "<think".len();
        let Some(inside) = after_opening_tag(&content[from..]) else { continue };
        let Some((_, after)) = inside.split_once("</think>") else { break };
        return strip(&format!("{}{after}", &content[..start])).to_owned();
    }
    content.to_owned()
}

/// What follows the tag's name, two attributes that it may have, and its end.
fn after_opening_tag(text: &str) -> Option<&str> {
    let text = attribute(text, "signature=\"", |value| value.find('"')).unwrap_or(text);
    let text = attribute(text, "redacted=\"", |value| value.starts_with("true\"").then_some(4)).unwrap_or(text);
    text.trim_start_matches(is_space).strip_prefix('>')
}

fn attribute<'a>(text: &'a str, name: &str, end: impl Fn(&str) -> Option<usize>) -> Option<&'a str> {
    let value = text.trim_start_matches(is_space).strip_prefix(name).filter(|_| text.starts_with(is_space))?;
    Some(&value[end(value)? + 1..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_thinking_block_goes() {
        for (content, completion) in [
            (" no block ", " no block "),
            ("a <think>b</think> c ", "a  c"),
            ("<think>a</think>b<think>c</think>", "b<think>c</think>"),
            ("<think>never closed", "<think>never closed"),
            ("a</think>b", "a</think>b"),
            ("<think\n>a</think>b", "b"),
            ("<think signature=\"x>\" redacted=\"true\">a</think>b", "b"),
            ("<think redacted=\"no\">a</think>b", "<think redacted=\"no\">a</think>b"),
            ("<thinker><think>a</think>b", "<thinker>b"),
        ] {
            assert_eq!(completion_of_content(content), completion, "{content}");
        }
    }

    #[test]
    fn only_a_short_context_is_an_answer() {
        let reply = |status, message: &str| RawReply {
            http_status: Some(status),
            http_body: Some(json!({"error": {"message": message}})),
            ..RawReply::default()
        };
        let message = "This model's maximum context length is 4096 tokens.";
        assert_eq!(reply(400, message).completion().as_deref(), Ok(message));
        assert!(reply(500, message).completion().is_err() && reply(400, "bad").completion().is_err());
    }

    #[test]
    fn a_reply_without_text_is_empty() {
        assert_eq!(RawReply::default().completion().as_deref(), Ok(""));
        let mut reply = RawReply::of_text("<think>a</think>b");
        reply.extra.insert("reasoning_content".to_owned(), json!("c"));
        assert_eq!(reply.completion().as_deref(), Ok("<think>a</think>b"));
        reply.extra.insert("refusal".to_owned(), json!("no"));
        assert_eq!(reply.completion().as_deref(), Ok("no"));
    }
}
