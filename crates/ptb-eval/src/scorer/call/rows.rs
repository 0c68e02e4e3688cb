//! Rows of the Berkeley Function-Calling Leaderboard: a conversation, functions, and the call that is expected.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};
use thiserror::Error;

use super::compat::call_text;
use super::python::{CallSyntaxError, Value, parse_call};
use crate::data::ExpectedCall;
use crate::engine::ToolDefinition;
use crate::prompt::{ChatMessage, Role};

/// What is asked in one row.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRow {
    /// The conversation up to the call.
    pub conversation: Vec<ChatMessage>,
    /// Functions that the model may call.
    pub tools: Vec<ToolDefinition>,
    /// The call that is expected.
    pub expected: ExpectedCall,
    /// The expected call as the reference prints it: `f(a=1, b=text)`.
    pub target: String,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallRowProblem {
    /// A field is not there, or is something else.
    #[error("{0} is missing or not {1}")]
    Field(&'static str, &'static str),
    /// Lists of conversations and of expected calls have one element.
    #[error("{0} has {1} elements instead of one")]
    NotOne(&'static str, usize),
    /// A type that JSON Schema does not have.
    #[error("the type {0:?} is none of this data set's types")]
    Type(String),
    /// The expected call cannot be read.
    #[error("the expected call {0:?} is {1}")]
    Call(String, CallSyntaxError),
    /// The expected call has a value without a JSON form.
    #[error("the expected call {0:?} has a value that JSON cannot hold")]
    NoJson(String),
}

/// The order of fields in the data set as a whole.
///
/// The reference loads the rows as a table. Its schema has each field once, in the order in which they first occur, so
/// that the parameters of a function come in that order and not in that of its own row.
#[derive(Debug, Clone, Default)]
pub struct FieldOrder {
    fields: HashMap<String, (usize, FieldOrder)>,
}

impl FieldOrder {
    /// The order in all rows of a data set.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a Map<String, Json>>) -> Self {
        let mut order = Self::default();
        rows.into_iter().for_each(|row| order.learn_row(row));
        order
    }

    /// Takes a further row into account.
    pub fn learn_row(&mut self, row: &Map<String, Json>) {
        self.learn_fields(row);
    }

    fn learn_fields(&mut self, object: &Map<String, Json>) {
        for (name, value) in object {
            let place = self.fields.len();
            self.fields.entry(name.clone()).or_insert_with(|| (place, Self::default())).1.learn(value);
        }
    }

    /// Elements of lists share their fields.
    fn learn(&mut self, value: &Json) {
        match value {
            Json::Object(object) => self.learn_fields(object),
            Json::Array(values) => values.iter().for_each(|value| self.learn(value)),
            _ => {}
        }
    }

    fn place(&self, name: &str) -> usize {
        self.fields.get(name).map_or(usize::MAX, |(place, _)| *place)
    }

    /// The order of the fields of a field's value.
    fn inside(&self, name: &str) -> &Self {
        static NONE: std::sync::LazyLock<FieldOrder> = std::sync::LazyLock::new(FieldOrder::default);
        self.fields.get(name).map_or(&NONE, |(_, order)| order)
    }
}

/// Reads a row; fields come in the order of the data set.
pub fn read_call_row(row: &Map<String, Json>, order: &FieldOrder) -> Result<CallRow, CallRowProblem> {
    let conversation =
        only(row, "question")?.as_array().ok_or(CallRowProblem::Field("question", "a list of messages"))?;
    let functions = row.get("function").and_then(Json::as_array).ok_or(CallRowProblem::Field("function", "a list"))?;
    let order = order.inside("function");
    let (expected, target) = expected_call(only(row, "ground_truth")?)?;
    Ok(CallRow {
        conversation: conversation.iter().map(message).collect::<Result<_, _>>()?,
        tools: functions.iter().map(|function| tool(function, order)).collect::<Result<_, _>>()?,
        expected,
        target,
    })
}

/// The only element of a list.
fn only<'a>(row: &'a Map<String, Json>, field: &'static str) -> Result<&'a Json, CallRowProblem> {
    let values = row.get(field).and_then(Json::as_array).ok_or(CallRowProblem::Field(field, "a list"))?;
    match values.as_slice() {
        [value] => Ok(value),
        values => Err(CallRowProblem::NotOne(field, values.len())),
    }
}

fn message(message: &Json) -> Result<ChatMessage, CallRowProblem> {
    let role = match message["role"].as_str() {
        Some("system") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => return Err(CallRowProblem::Field("role", "that of a system, user or assistant message")),
    };
    Ok(ChatMessage { role, content: text(message, "content")?.to_owned() })
}

fn text<'a>(object: &'a Json, field: &'static str) -> Result<&'a str, CallRowProblem> {
    object[field].as_str().ok_or(CallRowProblem::Field(field, "a text"))
}

fn expected_call(ground_truth: &Json) -> Result<(ExpectedCall, String), CallRowProblem> {
    let text = ground_truth.as_str().ok_or(CallRowProblem::Field("ground_truth", "a list of texts"))?;
    let (function, arguments) = parse_call(text).map_err(|error| CallRowProblem::Call(text.to_owned(), error))?;
    let no_json = || CallRowProblem::NoJson(text.to_owned());
    let target = call_text(&function, &arguments).ok().and_then(|target| target.to_plain()).ok_or_else(no_json)?;
    let Some(Json::Object(arguments)) = Value::Dict(arguments).to_json() else { return Err(no_json()) };
    Ok((ExpectedCall { function, arguments }, target))
}

/// A function as a tool. Nothing but the named parameters may be given.
fn tool(function: &Json, order: &FieldOrder) -> Result<ToolDefinition, CallRowProblem> {
    let parameters = &function["parameters"];
    let properties = parameters["properties"].as_object().filter(|properties| !properties.is_empty());
    let properties = properties.ok_or(CallRowProblem::Field("parameters", "an object with properties"))?;
    let required = parameters["required"].as_array().cloned().unwrap_or_default();
    Ok(ToolDefinition {
        name: text(function, "name")?.to_owned(),
        description: text(function, "description")?.to_owned(),
        parameters: json!({
            "type": "object",
            "properties": schemas(properties, order.inside("parameters").inside("properties"))?,
            "required": required,
            "additionalProperties": false,
        }),
    })
}

/// Schemas by name, in the order of the data set.
fn schemas(properties: &Map<String, Json>, order: &FieldOrder) -> Result<Json, CallRowProblem> {
    let mut properties: Vec<_> = properties.iter().filter(|(_, schema)| !schema.is_null()).collect();
    properties.sort_by_key(|(name, _)| order.place(name));
    let schema = |(name, property): &(&String, &Json)| Ok(((*name).clone(), schema(property, order.inside(name))?));
    properties.iter().map(schema).collect::<Result<_, _>>().map(Json::Object)
}

/// The JSON Schema of one parameter, its keys in the order in which the reference sends them; those without a value are
/// left out.
fn schema(parameter: &Json, order: &FieldOrder) -> Result<Json, CallRowProblem> {
    let mut schema = Map::new();
    for key in ["type", "description", "default", "enum", "items", "properties", "additionalProperties", "required"] {
        let value = match (key, &parameter[key]) {
            (_, Json::Null) => continue,
            ("type", Json::String(name)) => Json::from(json_type(name)?),
            ("type", _) => return Err(CallRowProblem::Field("type", "a text")),
            ("items", items) => self::schema(items, order.inside("items"))?,
            ("properties", Json::Object(properties)) => schemas(properties, order.inside("properties"))?,
            (_, value) => value.clone(),
        };
        schema.insert(key.to_owned(), value);
    }
    Ok(Json::Object(schema))
}

/// JSON's name of a type that the data set names as Python does.
fn json_type(name: &str) -> Result<&str, CallRowProblem> {
    match name {
        "dict" => Ok("object"),
        "float" => Ok("number"),
        "tuple" => Ok("array"),
        "string" | "integer" | "number" | "boolean" | "array" | "object" | "null" => Ok(name),
        _ => Err(CallRowProblem::Type(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(properties: &Json, ground_truth: &str) -> Map<String, Json> {
        let function = json!({
            "name": "f", "description": "d",
            "parameters": {"type": "dict", "properties": properties, "required": ["b"]},
        });
        let row = json!({
            "question": [[{"role": "user", "content": "q"}]],
            "function": [function],
            "ground_truth": [ground_truth],
        });
        row.as_object().unwrap().clone()
    }

    #[test]
    fn types_get_the_names_of_json_at_every_depth() {
        let points = json!({
            "items": {"type": "tuple", "items": {"type": "float"}}, "default": null, "type": "array", "description": "p",
        });
        let row = row(&json!({ "b": points }), "f(b=[(1.0, 2)])");
        let read = read_call_row(&row, &FieldOrder::of_rows([&row])).unwrap();
        assert_eq!(
            read.tools[0].parameters.to_string(),
            r#"{"type":"object","properties":{"b":{"type":"array","description":"p","items":{"type":"array","items":{"type":"number"}}}},"required":["b"],"additionalProperties":false}"#
        );
        assert_eq!(read.expected.arguments["b"], json!([[1.0, 2]]));
        assert_eq!(read.target, "f(b=[(1.0, 2)])");
        assert_eq!(read.conversation[0].content, "q");
    }

    #[test]
    fn parameters_come_in_the_order_of_the_data_set() {
        let integer = json!({"type": "integer"});
        let rows = [
            row(&json!({"c": integer, "a": integer}), "f()"),
            row(&json!({"a": integer, "b": integer, "c": integer}), "f()"),
        ];
        let read = read_call_row(&rows[1], &FieldOrder::of_rows(&rows)).unwrap();
        let names: Vec<_> = read.tools[0].parameters["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["c", "a", "b"]);
    }

    #[test]
    fn bad_rows_say_what_is_wrong() {
        let good = row(&json!({"b": {"type": "integer"}}), "f(b=1)");
        let with = |field: &str, value: Json| {
            let mut row = good.clone();
            row.insert(field.to_owned(), value);
            read_call_row(&row, &FieldOrder::default()).unwrap_err().to_string()
        };
        assert_eq!(with("question", json!([])), "question has 0 elements instead of one");
        assert_eq!(with("question", json!([[{"role": "user"}]])), "content is missing or not a text");
        assert_eq!(with("ground_truth", json!("f()")), "ground_truth is missing or not a list");
        assert!(with("ground_truth", json!(["f(1)"])).starts_with("the expected call \"f(1)\" is not a call"));
        assert!(with("ground_truth", json!(["f(b=1e999)"])).ends_with("has a value that JSON cannot hold"));
        assert_eq!(with("function", json!([{}])), "parameters is missing or not an object with properties");
        let any = row(&json!({"b": {"type": "any"}}), "f(b=1)");
        assert_eq!(
            read_call_row(&any, &FieldOrder::default()).unwrap_err().to_string(),
            "the type \"any\" is none of this data set's types"
        );
    }
}
