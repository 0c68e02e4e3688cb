//! Logs as Inspect reads them. Needs `inspect_ai` in the Python that `PTB_TEST_PYTHON` names, else in `python3`; `.ci/run`
//! installs it.

use std::env;
use std::path::Path;
use std::process::Command;

use ptb_eval::engine::{ChatRequest, Completion, EngineError, StopReason, ToolCall, ToolDefinition};
use ptb_eval::evaluation::evaluate;
use serde_json::json;

use crate::evaluation::{items, plan};
use crate::grading::{SEED, ScriptedGrader, echo, rubric_plan, scored};
use crate::scripted_engine::{ScriptedEngine, right_for_even_seeds};

/// The Python that has Inspect; without one, a test has nothing to do.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python() -> Option<String> {
    let python = env::var("PTB_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = Command::new(&python).args(["-c", "import inspect_ai"]).output();
    if import.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!(
        "skipped: {python} has no inspect_ai; `pip install inspect-ai==0.3.150` and name that python in PTB_TEST_PYTHON"
    );
    None
}

/// What a program prints that has read a log, with the names `log` and `sample` for it and its first sample.
fn printed(python: &str, log: &Path, program: &str) -> String {
    let read = "import sys\nfrom inspect_ai.log import read_eval_log\nlog = read_eval_log(sys.argv[1])\n\
                sample = log.samples[0]\n";
    let output = Command::new(python).args(["-c", &format!("{read}{program}")]).arg(log).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn inspect_opens_a_log_with_an_error_in_it() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(|request: &ChatRequest| match request.messages[0].content.as_str() {
        "2" => Err(EngineError::Request("refused".to_owned())),
        _ => right_for_even_seeds(&ChatRequest { seed: 0, ..request.clone() }),
    });
    evaluate(&plan(items(4), |_| {}).unwrap(), &engine, None, folder.path(), &mut |_| {}).unwrap();
    let program = r#"
score = log.results.scores[0]
print(log.status, log.eval.task, log.eval.dataset.samples, len(log.samples), score.name, score.unscored_samples,
      sorted(score.metrics), sample.id, sample.output.stop_reason, sample.output.completion, sample.messages[-1].text,
      sample.scores["numeric"].answer, sample.output.usage.total_tokens, log.samples[2].error.message, sep="|")
"#;
    assert_eq!(
        printed(&python, &folder.path().join("11/log.json"), program),
        "error|micro-math|4|4|numeric|1|['accuracy', 'stderr']|test/0|stop|ANSWER: 0|ANSWER: 0|0|15|the request failed: refused"
    );
}

/// An answer that calls two functions, one of them with arguments that are no JSON.
fn calling() -> Completion {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "math_gcd".to_owned(),
        arguments: arguments.to_owned(),
    };
    let tool_calls = vec![call("c1", r#"{"a": 450, "b": [0.5, null, "\u00e9"]}"#), call("c2", "{a: 1}")];
    Completion { tool_calls, stop_reason: StopReason::ToolCalls, ..Completion::of_text("ANSWER: 0") }
}

#[test]
fn inspect_opens_a_log_with_function_calls() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut items = items(1);
    items[0].tools.push(ToolDefinition {
        name: "math_gcd".to_owned(),
        description: "d".to_owned(),
        parameters: json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
    });
    let engine = ScriptedEngine::new(|_: &ChatRequest| Ok(calling()));
    evaluate(&plan(items, |_| {}).unwrap(), &engine, None, folder.path(), &mut |_| {}).unwrap();
    let program = r#"
assert sample.messages[-1].tool_calls == sample.output.message.tool_calls
first, second = sample.messages[-1].tool_calls
print(log.status, sample.output.stop_reason, first.id, first.function, first.type, first.arguments, first.parse_error,
      second.id, second.arguments, "{a: 1}" in second.parse_error, sep="|")
"#;
    assert_eq!(
        printed(&python, &folder.path().join("11/log.json"), program),
        "success|tool_calls|c1|math_gcd|function|{'a': 450, 'b': [0.5, None, 'é']}|None|c2|{}|True"
    );
}

#[test]
fn inspect_opens_a_log_with_what_a_judge_was_asked() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let grader = ScriptedGrader::new(|question: &str| Ok(scored(if question == "0" { 0.5 } else { 0.0 })));
    evaluate(&rubric_plan(items(2)), &echo(), Some(&grader), folder.path(), &mut |_| {}).unwrap();
    let program = r#"
score = sample.scores["rubric"]
exchange = score.metadata["judge"][0]
print(log.status, log.results.scores[0].name, score.value, score.explanation, len(score.metadata["judge"]),
      exchange["request"], exchange["reply"], exchange["usage"]["input_tokens"], sep="|")
"#;
    assert_eq!(
        printed(&python, &folder.path().join(format!("{SEED}/log.json")), program),
        "success|rubric|0.5|said so|1|{'model': 'judge'}|yes|10"
    );
}
