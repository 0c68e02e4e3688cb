//! The reference's scorer, call by call.

use serde_json::Value as Json;
use thiserror::Error;

use super::arguments::{Arguments, ArgumentsError, read_arguments};
use super::python::{Dict, Text, Unprintable, Value, equal, repr, repr_text, str_of};
use crate::data::ExpectedCall;
use crate::engine::ToolDefinition;
use crate::scorer::compat::{Raised, RawReply, Recorded};

/// A reply that has no score.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// The reference raises on it, which ends its whole evaluation.
    #[error(transparent)]
    Raised(#[from] Raised),
    /// The reference may score it, but this program does not read such arguments.
    #[error("{0}; the reference's score of this reply is not known here, the strict scorer gives one")]
    Unsupported(String),
}

impl From<ArgumentsError> for CallError {
    fn from(error: ArgumentsError) -> Self {
        match error {
            ArgumentsError::Raised(error) => Self::Raised(raised(&error)),
            ArgumentsError::Unsupported(error) => Self::Unsupported(error),
        }
    }
}

impl From<Unprintable> for CallError {
    fn from(error: Unprintable) -> Self {
        Self::Raised(raised(&error.to_string()))
    }
}

/// The exception of a text such as `ValueError: too large`.
fn raised(text: &str) -> Raised {
    let (class, message) = text.split_once(": ").unwrap_or((text, ""));
    Raised::new(class, message)
}

/// One call as the reference holds it.
struct Call {
    id: String,
    function: String,
    arguments: Arguments,
}

/// The score of a reply.
pub fn score(expected: &ExpectedCall, tools: &[ToolDefinition], reply: &RawReply) -> Result<Recorded, CallError> {
    let calls = read_calls(tools, tool_calls(reply)?)?;
    let Some([call]) = calls.as_deref() else {
        return Ok(Recorded { is_right: false, answer: format!("tool calls: {}", repr_calls(calls.as_deref())?) });
    };
    let arguments = Dict::from(&expected.arguments);
    let same_arguments = equal(&Value::Dict(call.arguments.by_name.clone()), &Value::Dict(arguments));
    let text = call_text(&call.function, &call.arguments.by_name)?;
    Ok(Recorded { is_right: same_arguments && call.function == expected.function, answer: repr_text(&text) })
}

/// The field with the calls. A server that finds the conversation too long has called nothing.
fn tool_calls(reply: &RawReply) -> Result<Option<&Json>, Raised> {
    if reply.http_status.is_some_and(|status| status != 200) {
        return reply.completion().map(|_| None);
    }
    Ok(reply.tool_calls.as_ref().or_else(|| reply.extra.get("tool_calls")))
}

/// The call as `f(a=1, b=text)`, which is also how the reference prints its targets.
pub(super) fn call_text(function: &str, arguments: &Dict) -> Result<Text, Unprintable> {
    let mut text = Text::from(function);
    text.push_str("(");
    for (index, (name, value)) in arguments.iter().enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        text.extend(&str_of(name)?);
        text.push_str("=");
        text.extend(&str_of(value)?);
    }
    text.push_str(")");
    Ok(text)
}

fn repr_calls(calls: Option<&[Call]>) -> Result<String, Unprintable> {
    let Some(calls) = calls else { return Ok("None".to_owned()) };
    let calls = calls.iter().map(repr_call).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[{}]", calls.join(", ")))
}

fn repr_call(call: &Call) -> Result<String, Unprintable> {
    let text = |text: &str| repr_text(&text.into());
    let arguments = repr(&Value::Dict(call.arguments.by_name.clone()))?;
    let parse_error = call.arguments.parse_error.as_deref().map_or("None".to_owned(), text);
    Ok(format!(
        "ToolCall(id={}, function={}, arguments={arguments}, parse_error={parse_error}, view=None, type='function')",
        text(&call.id),
        text(&call.function),
    ))
}

/// The calls of a reply; none where Python takes the field for false.
fn read_calls(tools: &[ToolDefinition], tool_calls: Option<&Json>) -> Result<Option<Vec<Call>>, CallError> {
    match tool_calls {
        None => Ok(None),
        Some(value) if is_false(value) => Ok(None),
        Some(Json::Array(calls)) => {
            let calls = calls.iter().filter_map(|call| read_call(tools, call).transpose());
            calls.collect::<Result<_, _>>().map(Some)
        }
        Some(Json::String(_) | Json::Object(_)) => {
            Err(raised("AttributeError: 'str' object has no attribute 'type'").into())
        }
        Some(_) => Err(raised("TypeError: the tool calls are no list").into()),
    }
}

fn is_false(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(values) => values.is_empty(),
        Json::Object(map) => map.is_empty(),
    }
}

/// One call; none where its type is not `function`, which the reference passes over.
fn read_call(tools: &[ToolDefinition], call: &Json) -> Result<Option<Call>, CallError> {
    let call = call.as_object().ok_or_else(|| raised("AttributeError: a tool call without the attribute 'type'"))?;
    if call.get("type").and_then(Json::as_str) != Some("function") {
        return Ok(None);
    }
    let function = call.get("function").and_then(Json::as_object);
    let function = function.ok_or_else(|| raised("AttributeError: a tool call without the attribute 'name'"))?;
    let text = match function.get("arguments") {
        None => "",
        Some(value) if is_false(value) => "",
        Some(Json::String(text)) => text,
        Some(_) => return Err(raised("AttributeError: the arguments have no attribute 'strip'").into()),
    };
    // The reference reads the arguments first and looks at the names afterwards.
    let name = function.get("name").and_then(Json::as_str);
    let arguments = read_arguments(text, name.unwrap_or_default(), tools)?;
    let invalid = |field| raised(&format!("ValidationError: 1 validation error for ToolCall: {field} is not a text"));
    Ok(Some(Call {
        id: call.get("id").and_then(Json::as_str).ok_or_else(|| invalid("id"))?.to_owned(),
        function: name.ok_or_else(|| invalid("function"))?.to_owned(),
        arguments,
    }))
}
