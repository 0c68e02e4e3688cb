//! Traces in the Agent Trajectory Interchange Format (ATIF), as the Harbor framework defines it.

use std::path::Path;

use jiff::Timestamp;
use ptb_core::definitions::Scaffold;
use ptb_core::files::FileError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::scripted::ScriptEvent;
use crate::trace::{RawLine, read_raw};

/// Version of the format that is written.
pub const SCHEMA_VERSION: &str = "ATIF-v1.4";

/// Most text of one observation that is kept, in bytes; the raw trace has the rest.
const MAX_OBSERVATION: usize = 256 * 1024;

/// What an agent did, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// Version of the format.
    pub schema_version: String,
    /// The session; here the run's id.
    pub session_id: String,
    /// Who acted.
    pub agent: TrajectoryAgent,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// Remarks of the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrajectoryAgent {
    /// The agent.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// The LLM, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
}

/// One step of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Number, from 1.
    pub step_id: usize,
    /// When it began.
    pub timestamp: Timestamp,
    /// `system`, `user` or `agent`.
    pub source: Source,
    /// What was said.
    pub message: String,
    /// What the agent called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall>>,
    /// What came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,
}

/// Who speaks in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The scaffold.
    System,
    /// Whoever gave the task.
    User,
    /// The agent.
    Agent,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call within the trajectory.
    pub tool_call_id: String,
    /// The tool.
    pub function_name: String,
    /// Its arguments.
    pub arguments: serde_json::Value,
}

/// What the calls of a step returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// One result for each call.
    pub results: Vec<ObservationResult>,
}

/// What one call returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationResult {
    /// The call.
    pub source_call_id: String,
    /// Its output as text.
    pub content: String,
}

/// What a raw trace says: the steps, and whether the agent said that it was done.
#[derive(Debug)]
pub struct ReadTrace {
    /// The steps.
    pub trajectory: Trajectory,
    /// The exit code in the agent's own final event; absent when it was cut off.
    pub final_exit_code: Option<i32>,
}

/// Reads the raw trace of a scaffold.
pub fn read(scaffold: Scaffold, raw: &Path, session_id: &str, agent: TrajectoryAgent) -> Result<ReadTrace, FileError> {
    let lines = read_raw(raw)?;
    Ok(match scaffold {
        Scaffold::Scripted => read_scripted(lines, session_id, agent),
    })
}

fn read_scripted(lines: impl Iterator<Item = RawLine>, session_id: &str, agent: TrajectoryAgent) -> ReadTrace {
    let mut reader = ScriptedReader::default();
    for line in lines {
        match serde_json::from_str(&line.line) {
            Ok(event) if line.stream == "stdout" => reader.event(line.time, event),
            _ => reader.stray_lines += 1,
        }
    }
    let notes =
        (reader.stray_lines > 0).then(|| format!("{} lines of the raw trace are no events", reader.stray_lines));
    let trajectory = Trajectory {
        schema_version: SCHEMA_VERSION.to_owned(),
        session_id: session_id.to_owned(),
        agent,
        steps: reader.steps,
        notes,
    };
    ReadTrace { trajectory, final_exit_code: reader.final_exit_code }
}

#[derive(Default)]
struct ScriptedReader {
    steps: Vec<Step>,
    stray_lines: usize,
    final_exit_code: Option<i32>,
}

impl ScriptedReader {
    fn event(&mut self, time: Timestamp, event: ScriptEvent) {
        match event {
            ScriptEvent::Start { instructions, .. } => self.push(time, Source::User, instructions, None),
            ScriptEvent::Step { number, say, command } => {
                let call = ToolCall {
                    tool_call_id: format!("step-{number}"),
                    function_name: "bash".to_owned(),
                    arguments: json!({ "command": command }),
                };
                self.push(time, Source::Agent, say, Some(vec![call]));
            }
            ScriptEvent::Output { text, .. } => self.observe(&text),
            ScriptEvent::Exit { exit_code, .. } if exit_code != 0 => self.observe(&format!("exit code {exit_code}")),
            ScriptEvent::Exit { .. } => {}
            ScriptEvent::End { exit_code } => self.final_exit_code = Some(exit_code),
        }
    }

    fn push(&mut self, timestamp: Timestamp, source: Source, message: String, tool_calls: Option<Vec<ToolCall>>) {
        let step_id = self.steps.len() + 1;
        self.steps.push(Step { step_id, timestamp, source, message, tool_calls, observation: None });
    }

    /// Adds a line to the result of the latest call.
    fn observe(&mut self, text: &str) {
        let Some(step) = self.steps.last_mut() else {
            self.stray_lines += 1;
            return;
        };
        let Some(call) = step.tool_calls.as_ref().and_then(|calls| calls.first()) else {
            self.stray_lines += 1;
            return;
        };
        let result = ObservationResult { source_call_id: call.tool_call_id.clone(), content: String::new() };
        let observation = step.observation.get_or_insert_with(|| Observation { results: vec![result] });
        if let Some(result) = observation.results.first_mut() {
            append_bounded(&mut result.content, text);
        }
    }
}

fn append_bounded(content: &mut String, text: &str) {
    const CUT: &str = "\n[the rest is in the raw trace]";
    if content.len() > MAX_OBSERVATION {
        return;
    }
    if !content.is_empty() {
        content.push('\n');
    }
    content.push_str(text);
    if content.len() > MAX_OBSERVATION {
        content.push_str(CUT);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agent() -> TrajectoryAgent {
        TrajectoryAgent { name: "a".to_owned(), version: "1".to_owned(), model_name: None }
    }

    fn raw(events: &[ScriptEvent]) -> Vec<RawLine> {
        let line = |event| RawLine {
            time: Timestamp::UNIX_EPOCH,
            stream: "stdout".to_owned(),
            line: serde_json::to_string(event).unwrap(),
            continues: false,
        };
        events.iter().map(line).collect()
    }

    #[test]
    fn steps_have_their_command_and_its_output() {
        let events = [
            ScriptEvent::Start { agent: "a".into(), instructions: "raise it".into() },
            ScriptEvent::Step { number: 1, say: "look".into(), command: "ls".into() },
            ScriptEvent::Output { number: 1, stream: "stdout".into(), text: "one".into() },
            ScriptEvent::Output { number: 1, stream: "stderr".into(), text: "two".into() },
            ScriptEvent::Exit { number: 1, exit_code: 2 },
            ScriptEvent::End { exit_code: 2 },
        ];
        let read = read_scripted(raw(&events).into_iter(), "s", agent());
        assert_eq!(read.final_exit_code, Some(2));
        let [task, step] = read.trajectory.steps.as_slice() else { panic!("two steps") };
        assert_eq!((task.source, task.message.as_str()), (Source::User, "raise it"));
        assert_eq!(step.tool_calls.as_ref().unwrap()[0].arguments["command"], "ls");
        assert_eq!(step.observation.as_ref().unwrap().results[0].content, "one\ntwo\nexit code 2");
    }

    #[test]
    fn a_trace_that_was_cut_off_has_no_final_event() {
        let events = [ScriptEvent::Step { number: 1, say: String::new(), command: "sleep 9".into() }];
        assert_eq!(read_scripted(raw(&events).into_iter(), "s", agent()).final_exit_code, None);
    }

    proptest! {
        #[test]
        fn any_output_can_be_read(lines in prop::collection::vec("\\PC{0,60}", 0..20)) {
            let count = lines.len();
            let raw = lines.into_iter().map(|line| RawLine {
                time: Timestamp::UNIX_EPOCH, stream: "stdout".to_owned(), line, continues: false,
            });
            prop_assert!(read_scripted(raw, "s", agent()).trajectory.steps.len() <= count);
        }
    }
}
