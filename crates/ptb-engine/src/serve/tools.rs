//! Functions in requests: what may be called, what was called, and what came back.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::template::Message;
use crate::tool_call::FunctionCall;

/// Roles that the chat templates know.
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];
/// Most functions of one request.
const MOST_TOOLS: usize = 128;

/// What a request says about functions.
#[derive(Debug, Default)]
pub(super) struct ToolUse {
    /// The definitions, as the templates print them.
    pub(super) definitions: Vec<Value>,
    /// Whether calls are looked for in the answers.
    pub(super) parses_calls: bool,
}

impl ToolUse {
    /// Checks `tools` and `tool_choice`. The model chooses by itself: nothing here can make it call a function.
    pub(super) fn new(tools: Option<Value>, choice: Option<&Value>) -> Result<Self, ApiError> {
        let definitions = match tools {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(definitions)) => definitions,
            Some(_) => return Err(ApiError::invalid("`tools` is not a list of functions")),
        };
        if definitions.len() > MOST_TOOLS {
            return Err(ApiError::invalid(format!("`tools` has more than {MOST_TOOLS} functions")));
        }
        if let Some(place) = definitions.iter().position(|definition| !is_function(definition)) {
            let form = r#"{"type": "function", "function": {"name": ...}}"#;
            return Err(ApiError::invalid(format!("`tools[{place}]` is not of the form {form}")));
        }
        let wants_calls = match choice.unwrap_or(&Value::Null) {
            Value::Null => true,
            Value::String(choice) if choice == "auto" => true,
            Value::String(choice) if choice == "none" => false,
            _ => return Err(ApiError::unsupported("a `tool_choice` other than `auto` and `none`")),
        };
        Ok(Self { parses_calls: wants_calls && !definitions.is_empty(), definitions })
    }
}

fn is_function(definition: &Value) -> bool {
    definition["type"] == "function" && definition["function"]["name"].is_string()
}

/// A message with a known role and one text; a list of text parts becomes their lines, and the arguments of calls become
/// values, as the templates expect them.
pub(super) fn plain(mut message: Message) -> Result<Message, ApiError> {
    let role = message.0.get("role").and_then(Value::as_str).unwrap_or_default();
    if !ROLES.contains(&role) {
        return Err(ApiError::invalid(format!("the role {role:?} is not one of {ROLES:?}")));
    }
    let is_call = role == "assistant" && message.0.get("tool_calls").is_some_and(|calls| *calls != json!([]));
    if let Some(calls) = message.0.get_mut("tool_calls") {
        read_arguments(calls)?;
    }
    let text = match message.0.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().map(text_part).collect::<Result<Vec<_>, _>>()?.join("\n"),
        None | Some(Value::Null) if is_call => String::new(),
        _ => return Err(ApiError::invalid("every message needs a `content`: a text or a list of text parts")),
    };
    message.0.insert("content".to_owned(), Value::String(text));
    Ok(message)
}

fn text_part(part: &Value) -> Result<&str, ApiError> {
    match (part.get("type").and_then(Value::as_str), part.get("text").and_then(Value::as_str)) {
        (Some("text"), Some(text)) => Ok(text),
        _ => Err(ApiError::invalid("only text parts are supported in `content`")),
    }
}

fn read_arguments(calls: &mut Value) -> Result<(), ApiError> {
    let calls = match calls {
        Value::Null => return Ok(()),
        Value::Array(calls) => calls,
        _ => return Err(ApiError::invalid("`tool_calls` is not a list of calls")),
    };
    for call in calls {
        if !is_function(call) {
            return Err(ApiError::invalid("an entry of `tool_calls` is not the call of a named function"));
        }
        let arguments = &mut call["function"]["arguments"];
        *arguments = match arguments.as_str() {
            None if arguments.is_null() => Value::Object(Map::new()),
            None => continue,
            Some("") => Value::Object(Map::new()),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| ApiError::invalid(format!("the `arguments` of a call are not JSON: {error}")))?,
        };
    }
    Ok(())
}

/// The calls of a choice, as a response lists them.
pub(super) fn listed(answer: &str, choice: usize, calls: &[FunctionCall]) -> Vec<Value> {
    let call = |(place, call): (usize, &FunctionCall)| {
        json!({
            "id": format!("call-{answer}-{choice}-{place}"),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        })
    };
    calls.iter().enumerate().map(call).collect()
}
