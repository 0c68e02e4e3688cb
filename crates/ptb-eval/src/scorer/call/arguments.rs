//! The arguments of a call, from the text that the model wrote.

use thiserror::Error;

use super::json::{JsonError, parse_json};
use super::python::{Dict, Text, Value};
use super::yaml::{self, YamlError};
use crate::engine::ToolDefinition;
use crate::scorer::python_text::strip;

/// Longest text that is read, in bytes; the reference has no limit, and no call of the benchmark needs a thousandth of it.
const MAX_TEXT: usize = 1 << 20;
/// Collections in one another that the reference can still write into its log; with more, it raises there.
const MAX_DEPTH: usize = 244;

/// Arguments of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments {
    /// By name.
    pub(crate) by_name: Dict,
    /// Why the text was not read, in the reference's words; then there are no arguments.
    pub(crate) parse_error: Option<String>,
}

/// Why arguments have no value at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgumentsError {
    /// The reference raises.
    #[error("{0}")]
    Raised(String),
    /// The reference may read them; this program does not.
    #[error("{0}")]
    Unsupported(String),
}

/// Reads arguments: a JSON object, or else the YAML of the function's first parameter. What is neither has no arguments.
pub(crate) fn read_arguments(
    text: &str,
    function: &str,
    tools: &[ToolDefinition],
) -> Result<Arguments, ArgumentsError> {
    if text.len() > MAX_TEXT {
        return Err(ArgumentsError::Unsupported(format!("arguments of more than {MAX_TEXT} bytes are not read")));
    }
    let text = strip(text);
    let arguments = if text.starts_with('{') { json_arguments(text)? } else { first_argument(text, function, tools)? };
    if arguments.by_name.iter().any(|(_, value)| is_deeper(value, MAX_DEPTH - 1)) {
        return Err(ArgumentsError::Raised("ValueError: Maximum serialization depth exceeded".to_owned()));
    }
    Ok(arguments)
}

fn json_arguments(text: &str) -> Result<Arguments, ArgumentsError> {
    match parse_json(text) {
        Ok(Value::Dict(by_name)) => Ok(Arguments { by_name, parse_error: None }),
        // A text that begins with a brace has no other value.
        Ok(_) => Ok(Arguments::default()),
        Err(error @ JsonError::Syntax { .. }) => {
            let report =
                format!("Error parsing the following tool call arguments:\n\n{text}\n\nError details: {error}");
            Ok(Arguments { by_name: Dict::default(), parse_error: Some(report) })
        }
        Err(error) => Err(ArgumentsError::Raised(error.to_string())),
    }
}

fn first_argument(text: &str, function: &str, tools: &[ToolDefinition]) -> Result<Arguments, ArgumentsError> {
    let mut arguments = Arguments::default();
    let Some(parameter) = first_parameter(function, tools) else { return Ok(arguments) };
    let value = match yaml::load(text) {
        Ok(value) => value,
        Err(YamlError::Refused(_)) => Value::Text(text.into()),
        Err(YamlError::Raised(error)) => return Err(ArgumentsError::Raised(error)),
        Err(error @ YamlError::Unsupported(_)) => return Err(ArgumentsError::Unsupported(error.to_string())),
    };
    arguments.by_name.insert(Value::Text(Text::from(parameter)), value);
    Ok(arguments)
}

/// The first parameter of the tool of that name.
fn first_parameter<'a>(function: &str, tools: &'a [ToolDefinition]) -> Option<&'a str> {
    let mut named = tools.iter().filter(|tool| tool.name == function && !function.is_empty());
    named.find_map(|tool| tool.parameters["properties"].as_object()?.keys().next()).map(String::as_str)
}

/// Whether there are more collections in one another than `depth`. Readers bound the recursion.
fn is_deeper(value: &Value, depth: usize) -> bool {
    let deeper = |value: &Value| depth == 0 || is_deeper(value, depth - 1);
    match value {
        Value::List(values) | Value::Tuple(values) => depth == 0 || values.iter().any(deeper),
        Value::Dict(dict) => depth == 0 || dict.iter().any(|(_, value)| deeper(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::python::repr;
    use super::*;

    fn tool(name: &str, parameters: &[&str]) -> ToolDefinition {
        let properties: serde_json::Map<_, _> =
            parameters.iter().map(|name| ((*name).to_owned(), serde_json::json!({"type": "integer"}))).collect();
        ToolDefinition {
            name: name.to_owned(),
            description: String::new(),
            parameters: serde_json::json!({"type": "object", "properties": properties}),
        }
    }

    fn read(text: &str) -> Result<Arguments, ArgumentsError> {
        read_arguments(text, "f", &[tool("g", &["a"]), tool("f", &[]), tool("f", &["n", "m"])])
    }

    fn printed(text: &str) -> String {
        repr(&Value::Dict(read(text).unwrap().by_name)).unwrap()
    }

    #[test]
    fn objects_are_json_and_all_else_is_the_first_argument() {
        for (text, expected) in [
            (r#" {"n": 1, "m": [2.0]} "#, "{'n': 1, 'm': [2.0]}"),
            ("12", "{'n': 12}"),
            ("yes", "{'n': True}"),
            ("", "{'n': None}"),
            ("- 1\n- b: 2", "{'n': [1, {'b': 2}]}"),
            ("n: 1", "{'n': {'n': 1}}"),
            ("a: b: c", "{'n': 'a: b: c'}"),
            ("[1, 2", "{'n': '[1, 2'}"),
        ] {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_function_without_parameters_has_no_argument() {
        let arguments = read_arguments("12", "h", &[tool("f", &["n"])]).unwrap();
        assert!(arguments.by_name.is_empty() && arguments.parse_error.is_none());
    }

    #[test]
    fn what_is_no_object_is_reported_in_the_words_of_python() {
        let arguments = read("{'n': 1}").unwrap();
        assert!(arguments.by_name.is_empty());
        assert_eq!(
            arguments.parse_error.unwrap(),
            "Error parsing the following tool call arguments:\n\n{'n': 1}\n\nError details: Expecting property name enclosed in \
             double quotes: line 1 column 2 (char 1)"
        );
    }

    /// A short text whose aliases mean a thousand million values.
    fn laughs() -> String {
        let mut text = "[&a0 [1, 1, 1, 1, 1, 1, 1, 1]".to_owned();
        for step in 0..10 {
            let aliases = vec![format!("*a{step}"); 8].join(", ");
            write!(text, ", &a{} [{aliases}]", step + 1).unwrap();
        }
        text + "]"
    }

    #[test]
    fn hostile_texts_end_soon() {
        let nested = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
        for text in [
            nested("[", "]", 100_000),
            format!("{{\"n\": {}}}", nested("[", "]", 100_000)),
            nested("{\"n\":", "}", 100_000),
            nested("- ", "", 100_000),
            nested("? ", "", 100_000),
            format!("{{\"n\": {}}}", nested("[", "]", 500)),
            nested("[", "]", 300),
            format!("{{\"n\": {}}}", "1".repeat(100_000)),
            "1".repeat(100_000),
            "x".repeat(10_000_000),
            laughs(),
        ] {
            assert!(read(&text).is_err(), "{}", &text[..20]);
        }
    }
}
