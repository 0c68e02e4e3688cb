//! From a request to the JSON that is sent.

use serde_json::{Map, Value, json};

use crate::engine::{ChatRequest, ToolDefinition};
use crate::prompt::ChatMessage;

/// The body of a request. Nothing is sent that was not asked for, so that the model's own generation parameters rule;
/// the seed is sent only when seeds were asked for, because servers sample well without, and some refuse it.
pub fn request_body(model: &str, request: &ChatRequest, send_seed: bool) -> Value {
    let mut body = Map::new();
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    body.insert("model".to_owned(), model.into());
    body.insert("max_tokens".to_owned(), request.max_tokens.into());
    if !request.tools.is_empty() {
        body.insert("tool_choice".to_owned(), "auto".into());
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
    }
    let sampling = &request.sampling;
    let parameters = [
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
        ("seed", send_seed.then(|| request.seed.into())),
    ];
    body.extend(parameters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(body)
}

fn message(message: &ChatMessage) -> Value {
    json!({ "role": message.role.name(), "content": message.content })
}

fn tool(tool: &ToolDefinition) -> Value {
    let ToolDefinition { name, description, parameters } = tool;
    json!({
        "type": "function",
        "function": { "name": name, "description": description, "parameters": parameters },
    })
}

#[cfg(test)]
mod tests {
    use ptb_core::definitions::SamplingOverrides;

    use super::*;
    use crate::prompt::Role;

    fn request() -> ChatRequest {
        ChatRequest {
            messages: vec![ChatMessage { role: Role::User, content: "How much is 6 x 7?".to_owned() }],
            tools: Vec::new(),
            max_tokens: 4000,
            seed: 72332,
            sampling: SamplingOverrides::default(),
        }
    }

    #[test]
    fn nothing_is_sent_unasked() {
        let body = request_body("tiny", &request(), false).to_string();
        let expected =
            r#"{"messages":[{"role":"user","content":"How much is 6 x 7?"}],"model":"tiny","max_tokens":4000}"#;
        assert_eq!(body, expected);
    }

    #[test]
    fn what_is_asked_for_is_sent() {
        let sampling = SamplingOverrides { temperature: Some(0.5), top_p: Some(0.9), top_k: Some(20) };
        let body = request_body("tiny", &ChatRequest { sampling, ..request() }, true);
        assert_eq!((&body["temperature"], &body["top_p"]), (&json!(0.5), &json!(0.9)));
        assert_eq!((&body["top_k"], &body["seed"]), (&json!(20), &json!(72332)));
    }

    #[test]
    fn tools_are_offered_with_their_keys_in_order() {
        let parameters = json!({"type": "object", "properties": {"n": {}, "k": {}}, "required": ["n", "k"]});
        let tool = ToolDefinition { name: "choose".to_owned(), description: "n over k".to_owned(), parameters };
        let body = request_body("tiny", &ChatRequest { tools: vec![tool], ..request() }, false);
        assert_eq!(body["tool_choice"], "auto");
        let text = body["tools"].to_string();
        assert!(
            text.starts_with(r#"[{"type":"function","function":{"name":"choose","description":"n over k","#),
            "{text}"
        );
        assert!(text.contains(r#""properties":{"n":{},"k":{}}"#), "{text}");
    }
}
