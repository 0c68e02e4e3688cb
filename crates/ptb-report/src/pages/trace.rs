//! What the agent did, from its trajectory (ATIF) or, without one, from its raw output.

use jiff::Timestamp;
use ptb_core::run::RunFolder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clipped::{self, Clipped};
use super::samples::text;
use crate::notation;

/// Largest trace that is read for a page, in bytes.
const MAX_TRACE: u64 = 64 * 1024 * 1024;

/// Most steps that a page shows, half of them from the end.
const MAX_STEPS: usize = 400;

/// Most characters of one text of a step.
const MAX_TEXT: usize = 6000;

/// Output with more lines than this starts folded.
const FOLDED: usize = 12;

/// A trace as a page shows it.
#[derive(Debug, Default, Serialize)]
pub struct TraceView {
    /// The file the steps come from.
    file: &'static str,
    steps: Vec<StepView>,
    /// Steps left out in the middle, after how many shown ones.
    omitted: usize,
    omitted_after: usize,
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct StepView {
    number: String,
    time: Option<String>,
    source: String,
    message: Option<Clipped>,
    calls: Vec<CallView>,
    results: Vec<ResultView>,
}

#[derive(Debug, Serialize)]
struct CallView {
    tool: String,
    arguments: Clipped,
}

#[derive(Debug, Serialize)]
struct ResultView {
    output: Clipped,
    folded: bool,
    exit_code: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Trajectory {
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default, rename = "step_id")]
    number: Value,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    #[serde(default)]
    observation: Option<Observation>,
}

#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default)]
    function_name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Deserialize)]
struct Observation {
    #[serde(default)]
    results: Vec<ObservationResult>,
}

#[derive(Debug, Deserialize)]
struct ObservationResult {
    #[serde(default)]
    content: Value,
}

impl TraceView {
    /// The trace of a run. Never fails: what cannot be read is said in the note.
    pub fn read(folder: &RunFolder) -> Self {
        let trajectory = clipped::read(&folder.trajectory(), "trace/trajectory.json", MAX_TRACE).and_then(|content| {
            serde_json::from_str::<Trajectory>(&content)
                .map_err(|error| format!("trace/trajectory.json is not a trajectory: {error}"))
        });
        match trajectory {
            Ok(trajectory) => {
                Self::of("trace/trajectory.json", trajectory.steps.iter().map(StepView::of).collect(), None)
            }
            Err(reason) => Self::raw(folder, reason),
        }
    }

    fn raw(folder: &RunFolder, reason: String) -> Self {
        match clipped::read(&folder.raw_trace(), "trace/raw.jsonl", MAX_TRACE) {
            Ok(content) => {
                Self::of("trace/raw.jsonl", content.lines().enumerate().map(raw_line).collect(), Some(reason))
            }
            Err(also) => Self { note: Some(format!("{reason} {also}")), ..Self::default() },
        }
    }

    fn of(file: &'static str, mut steps: Vec<StepView>, note: Option<String>) -> Self {
        let omitted = steps.len().saturating_sub(MAX_STEPS);
        if omitted > 0 {
            steps.drain(MAX_STEPS / 2..MAX_STEPS / 2 + omitted);
        }
        Self { file, steps, omitted, omitted_after: MAX_STEPS / 2, note }
    }
}

impl StepView {
    fn of(step: &Step) -> Self {
        Self {
            number: text(&step.number),
            time: step.timestamp.as_deref().map(time_of_day),
            source: step.source.clone().unwrap_or_default(),
            message: Some(Clipped::new(&text(&step.message), MAX_TEXT)).filter(|message| !message.is_empty()),
            calls: step.tool_calls.iter().flatten().map(CallView::of).collect(),
            results: step.observation.iter().flat_map(|seen| &seen.results).map(ResultView::of).collect(),
        }
    }
}

impl CallView {
    fn of(call: &Call) -> Self {
        let command = ["command", "cmd"].iter().find_map(|name| call.arguments.get(name));
        let arguments = match command {
            Some(command) => text(command),
            None => serde_json::to_string_pretty(&call.arguments).unwrap_or_default(),
        };
        Self { tool: clipped::visible(&call.function_name), arguments: Clipped::new(&arguments, MAX_TEXT) }
    }
}

impl ResultView {
    fn of(result: &ObservationResult) -> Self {
        let content = text(&result.content);
        let output = Clipped::new(&content, MAX_TEXT);
        Self { folded: output.lines > FOLDED, exit_code: exit_code(&content), output }
    }
}

/// The exit code that a failing command's output ends with.
fn exit_code(output: &str) -> Option<i64> {
    output.lines().next_back()?.strip_prefix("exit code ")?.trim().parse().ok()
}

/// One line of the raw trace: `{"time", "stream", "line"}`, or anything else as it stands.
fn raw_line((place, line): (usize, &str)) -> StepView {
    let parsed: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let field = |name: &str| parsed.get(name).and_then(Value::as_str);
    StepView {
        number: (place + 1).to_string(),
        time: field("time").map(time_of_day),
        source: field("stream").unwrap_or("line").to_owned(),
        message: Some(Clipped::new(field("line").unwrap_or(line), MAX_TEXT)),
        calls: Vec::new(),
        results: Vec::new(),
    }
}

/// A timestamp as a time of day in UTC; anything else as it stands.
fn time_of_day(timestamp: &str) -> String {
    match timestamp.parse::<Timestamp>() {
        Ok(time) => notation::clock(time),
        Err(_) => clipped::visible(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn steps(count: usize) -> Vec<StepView> {
        let step = |number: usize| {
            let step = json!({"step_id": number, "timestamp": "2026-11-23T22:00:01.5Z", "source": "agent",
                "message": "next", "tool_calls": [{"function_name": "bash", "arguments": {"command": "false"}}],
                "observation": {"results": [{"content": "no\nexit code 1"}]}});
            StepView::of(&serde_json::from_value(step).unwrap())
        };
        (1..=count).map(step).collect()
    }

    #[test]
    fn a_step_shows_what_was_said_done_and_returned() {
        let step = steps(1).remove(0);
        assert_eq!(step.time.as_deref(), Some("22:00:01"));
        assert_eq!(step.calls[0].arguments.head, "false");
        assert_eq!(step.results[0].exit_code, Some(1));
    }

    #[test]
    fn a_long_trace_keeps_its_beginning_and_its_end() {
        let view = TraceView::of("trace/trajectory.json", steps(MAX_STEPS + 30), None);
        assert_eq!((view.steps.len(), view.omitted), (MAX_STEPS, 30));
        assert_eq!(view.steps[view.omitted_after].number, (MAX_STEPS / 2 + 31).to_string());
        assert_eq!(view.steps.last().unwrap().number, (MAX_STEPS + 30).to_string());
    }

    #[test]
    fn lines_that_are_no_json_are_shown_as_they_are() {
        assert_eq!(raw_line((0, "Traceback")).message.unwrap().head, "Traceback");
        let step = raw_line((0, r#"{"time":"2026-11-23T22:00:01Z","stream":"stderr","line":"oh"}"#));
        assert_eq!((step.time.as_deref(), step.source.as_str()), (Some("22:00:01"), "stderr"));
    }
}
