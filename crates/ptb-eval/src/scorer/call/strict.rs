//! The strict scorer.

use super::arguments::read_arguments;
use super::compat::call_text;
use super::python::{Dict, Value, equal};
use crate::data::ExpectedCall;
use crate::engine::{Completion, ToolDefinition};
use crate::scorer::Scored;

/// Right where the model makes exactly one call, of the expected function, with the expected arguments and no others.
///
/// Arguments are compared by value: an integer equals a float of the same value, at any depth; a text never equals a
/// number. They are read as [`compat`](super::compat) reads them, but what that cannot read or compare is a wrong answer.
pub fn score_strict(expected: &ExpectedCall, tools: &[ToolDefinition], completion: &Completion) -> Scored {
    let call = match completion.tool_calls.as_slice() {
        [] => return Scored::wrong(None, "no function is called"),
        [call] => call,
        calls => return Scored::wrong(None, &format!("{} functions are called instead of one", calls.len())),
    };
    let arguments = match read_arguments(&call.arguments, &call.name, tools) {
        Ok(arguments) => arguments,
        Err(error) => return Scored::wrong(Some(&call.name), &format!("the arguments cannot be read: {error}")),
    };
    let text = call_text(&call.name, &arguments.by_name);
    let answer = text.ok().and_then(|text| text.to_plain()).unwrap_or_else(|| call.name.clone());
    let wrong = |reason: &str| Scored::wrong(Some(&answer), reason);
    if call.name != expected.function {
        wrong(&format!("another function than {} is called", expected.function))
    } else if arguments.parse_error.is_some() {
        wrong("the arguments are no JSON object")
    } else {
        match difference(&arguments.by_name, &Dict::from(&expected.arguments)) {
            None => Scored::right(&answer),
            Some(difference) => wrong(&difference),
        }
    }
}

/// In what the arguments differ from the expected ones.
fn difference(given: &Dict, expected: &Dict) -> Option<String> {
    let name = |key: &Value| match key {
        Value::Text(name) => name.to_plain().unwrap_or_default(),
        _ => String::new(),
    };
    for (key, value) in expected.iter() {
        match given.get(key) {
            None => return Some(format!("the argument {:?} is missing", name(key))),
            Some(given) if !equal(given, value) => return Some(format!("the argument {:?} differs", name(key))),
            Some(_) => {}
        }
    }
    let extra = given.iter().find(|(key, _)| expected.get(key).is_none())?;
    Some(format!("the argument {:?} is not expected", name(&extra.0)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{StopReason, ToolCall};

    fn scored(calls: &[(&str, &str)]) -> Scored {
        let expected = json!({"function": "f", "arguments": {"n": 12, "points": [[1.5, 2], [3, true]]}});
        let tool_calls = calls.iter().map(|(name, arguments)| ToolCall {
            id: "c".to_owned(),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
        });
        let completion = Completion {
            text: String::new(),
            reasoning: None,
            tool_calls: tool_calls.collect(),
            stop_reason: StopReason::Stop,
            input_tokens: 0,
            output_tokens: 0,
            seconds: None,
        };
        score_strict(&serde_json::from_value(expected).unwrap(), &[], &completion)
    }

    #[test]
    fn arguments_are_compared_by_value_at_any_depth() {
        let scored = scored(&[("f", r#"{"points": [[1.5, 2.0], [3, true]], "n": 1.2e1}"#)]);
        assert!(scored.is_right());
        assert_eq!(scored.extracted_answer.unwrap(), "f(points=[[1.5, 2.0], [3, True]], n=12.0)");
    }

    #[test]
    fn what_differs_is_named() {
        let points = r#""points": [[1.5, 2], [3, true]]"#;
        let with = |rest: &str| format!("{{{points}{rest}}}");
        for (function, arguments, reason) in [
            ("g", with(r#", "n": 12"#), "another function than f is called"),
            ("f", with(""), "the argument \"n\" is missing"),
            ("f", with(r#", "n": "12""#), "the argument \"n\" differs"),
            ("f", with(r#", "n": 12, "x": null"#), "the argument \"x\" is not expected"),
            ("f", with(r#", "n": 12,"#), "the arguments are no JSON object"),
            ("f", with(&format!(r#", "n": {}"#, "9".repeat(5000))), "the arguments cannot be read: ValueError"),
        ] {
            let scored = scored(&[(function, &arguments)]);
            assert!(scored.score == 0.0 && scored.reason.starts_with(reason), "{scored:?}");
        }
    }

    #[test]
    fn exactly_one_call_is_expected() {
        assert_eq!(scored(&[]).reason, "no function is called");
        let right = ("f", r#"{"points": [[1.5, 2], [3, true]], "n": 12}"#);
        assert_eq!(scored(&[right, right]).reason, "2 functions are called instead of one");
    }
}
