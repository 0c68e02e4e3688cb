//! The recorded requests, replies and units of function calling.

use std::fs;
use std::path::Path;

use ptb_eval::data::ExpectedCall;
use ptb_eval::engine::{Completion, StopReason, ToolCall, ToolDefinition};
use ptb_eval::scorer::call::python::{Value as PythonValue, equal};
use ptb_eval::scorer::call::rows::{CallRow, FieldOrder, read_call_row};
use ptb_eval::scorer::call::{compat, score_strict};
use ptb_eval::scorer::compat::RawReply;
use serde_json::{Map, Value, json};

use crate::data::shared;

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rows(data: &Path) -> Vec<CallRow> {
    let rows: Vec<Map<String, Value>> =
        lines(&data.join("bfcl/exec_simple.jsonl")).into_iter().map(|row| row.as_object().unwrap().clone()).collect();
    let order = FieldOrder::of_rows(&rows);
    rows.iter().map(|row| read_call_row(row, &order).unwrap()).collect()
}

/// Each record with its row.
fn for_each_record(mut check: impl FnMut(&Value, &CallRow)) {
    let (Some(golden), Some(data)) = (shared("golden"), shared("data")) else { return };
    let rows = rows(&data);
    let records = lines(&golden.join("evals/bfcl.jsonl"));
    assert!(!records.is_empty());
    for record in &records {
        check(record, &rows[record["row"].as_u64().unwrap() as usize]);
    }
}

fn reply(completion: &Value) -> RawReply {
    RawReply {
        content: completion["content"].as_str().map(str::to_owned),
        tool_calls: completion.get("tool_calls").cloned(),
        finish_reason: completion["finish_reason"].as_str().map(str::to_owned),
        extra: completion["extra"].as_object().cloned().unwrap_or_default(),
        http_status: completion["http_status"].as_u64().map(|status| status as u16),
        http_body: completion.get("http_body").cloned(),
    }
}

fn reply_of_calls(calls: Value) -> RawReply {
    RawReply { tool_calls: Some(calls), ..RawReply::default() }
}

#[test]
fn rows_become_the_recorded_requests() {
    for_each_record(|record, row| {
        let tools: Vec<_> = row.tools.iter().map(|tool| json!({"type": "function", "function": tool})).collect();
        // As texts, since the order of keys counts.
        assert_eq!(json!(tools).to_string(), record["request"]["tools"].to_string(), "{}", record["record_id"]);
        assert_eq!(json!(row.conversation), record["request"]["messages"]);
        assert_eq!(row.target, record["target"].as_str().unwrap());
        assert_eq!(json!(row.expected), record["target_obj"]);
    });
}

#[test]
fn compat_gives_the_recorded_scores_answers_and_errors() {
    for_each_record(|record, row| {
        let expected: ExpectedCall = serde_json::from_value(record["target_obj"].clone()).unwrap();
        let scored = compat::score(&expected, &row.tools, &reply(&record["completion"]));
        let id = &record["record_id"];
        match (record["score"].as_f64(), scored) {
            (Some(score), Ok(scored)) => {
                assert_eq!(scored.is_right, score > 0.5, "{id}: {scored:?}");
                assert_eq!(scored.answer, record["extracted_answer"].as_str().unwrap(), "{id}");
            }
            (None, Err(error)) => {
                assert_eq!(error.to_string(), record["error"].as_str().unwrap(), "{id}");
            }
            (score, scored) => panic!("{id}: {score:?} {scored:?}"),
        }
    });
}

/// What an engine makes of a reply: calls of other things than functions are none.
fn completion(record: &Value) -> Completion {
    let calls = record["tool_calls"].as_array().into_iter().flatten().filter(|call| call["type"] == "function");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let call = |call: &Value| ToolCall {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]),
        arguments: text(&call["function"]["arguments"]),
    };
    Completion {
        text: text(&record["content"]),
        reasoning: None,
        tool_calls: calls.map(call).collect(),
        stop_reason: StopReason::Stop,
        input_tokens: 0,
        output_tokens: 0,
        seconds: None,
    }
}

#[test]
fn the_strict_scorer_agrees_where_the_reference_has_no_defect() {
    for_each_record(|record, row| {
        let scored = score_strict(&row.expected, &row.tools, &completion(&record["completion"]));
        let score = record["correct_score"].as_f64().or(record["score"].as_f64()).unwrap_or(0.0);
        assert_eq!(scored.is_right(), score > 0.5, "{}: {scored:?}", record["record_id"]);
    });
}

fn units(kind: &str) -> Vec<Value> {
    let Some(golden) = shared("golden") else { return Vec::new() };
    // Numbers out of JSON's range stand in some records of other kinds, and in expected arguments.
    let text = fs::read_to_string(golden.join("evals/units.jsonl")).unwrap();
    let kind = format!("\"kind\": \"{kind}\"");
    let lines = text.lines().filter(|line| line.contains(&kind));
    lines.map(|line| serde_json::from_str(&quote_odd_values(line)).unwrap()).collect()
}

/// The line with the expected arguments as a text, as they are not JSON: `NaN`, or half of a surrogate pair.
fn quote_odd_values(line: &str) -> String {
    let Some((before, rest)) = line.split_once("\"arguments\": ") else { return line.to_owned() };
    let (arguments, after) = rest.rsplit_once(", \"parse_error\"").unwrap();
    format!("{before}\"arguments\": {}, \"parse_error\"{after}", json!(arguments))
}

/// The value of a JSON text as Python has it, with the arguments of a call around it.
fn python_value(json: &str) -> String {
    let call = json!([{"id": "", "type": "function", "function": {"name": "", "arguments": json}}]);
    let expected = ExpectedCall { function: String::new(), arguments: Map::new() };
    compat::score(&expected, &[], &reply_of_calls(call)).unwrap().answer
}

#[test]
fn argument_texts_are_read_as_recorded() {
    for unit in units("tool_arguments") {
        let text = unit["arguments_text"].as_str().unwrap();
        let name = unit["function"].as_str().unwrap();
        let parameter = unit["first_parameter"].as_str().unwrap();
        let tool = ToolDefinition {
            name: "f".to_owned(),
            description: String::new(),
            parameters: json!({"properties": {parameter: {}}}),
        };
        let call = json!({"id": "", "type": "function", "function": {"name": name, "arguments": text}});
        let expected = ExpectedCall { function: String::new(), arguments: Map::new() };
        // Two calls, as the answer then has the arguments and the error as Python prints them.
        let answer = compat::score(&expected, &[tool], &reply_of_calls(json!([call, call]))).unwrap().answer;
        let arguments = unit["arguments"].as_str().unwrap();
        let expected = if let Some(printed) = arguments.strip_prefix("{\"python_repr\": ") {
            serde_json::from_str::<String>(printed.strip_suffix('}').unwrap()).unwrap()
        } else {
            let wrapped = python_value(&format!("{{\"\": {arguments}}}"));
            let inner = wrapped[1..wrapped.len() - 1].strip_prefix("(=").unwrap().strip_suffix(')').unwrap();
            inner.replace("\\\\", "\\")
        };
        let got = answer.split("arguments=").nth(1).unwrap().split(", parse_error=").next().unwrap();
        let unescaped = |text: &str| text.replace("\\'", "'");
        assert_eq!(unescaped(got), unescaped(&expected), "{text:?}");
        assert_eq!(!answer.contains("parse_error=None"), unit["parse_error"].as_bool().unwrap(), "{text:?}");
    }
}

#[test]
fn values_are_equal_where_python_says_so() {
    let units = units("python_equal");
    let value = |unit: &Value, side: &str| {
        let call = format!("f(x={})", unit[side].as_str().unwrap());
        let python = call.replace("null", "None").replace("true", "True").replace("false", "False");
        let numbers = python.replace("Infinity", "1e999");
        ptb_eval::scorer::call::python::parse_call(&numbers).ok().map(|(_, arguments)| PythonValue::Dict(arguments))
    };
    for unit in units {
        let (Some(left), Some(right)) = (value(&unit, "a"), value(&unit, "b")) else {
            // Not a number equals nothing, and no literal has that value.
            assert!(unit.to_string().contains("NaN") && unit["equal"] == json!(false), "{unit}");
            continue;
        };
        assert_eq!(equal(&left, &right), unit["equal"].as_bool().unwrap(), "{unit}");
    }
}
