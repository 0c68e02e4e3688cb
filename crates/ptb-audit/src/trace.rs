//! The agent's trace as a list of what it said, did and saw.
//!
//! A line of `raw.jsonl` wraps one line of the agent's output; that line is JSON for every scaffold that is known. Events
//! of scripted agents are read by their type. Of other JSON all strings are taken, those under `command` as commands and
//! those beside a `file_path` as written files, so that a scaffold nobody described yet loses nothing.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use crate::policy::Limits;
use crate::workspace::open_plain;

/// What kind of text an event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The agent's own words, or anything else.
    Said,
    /// A shell command.
    Command,
    /// What a command printed.
    Output,
    /// The content of a file that the agent wrote with a tool.
    Written {
        /// The file, as the agent called it.
        path: String,
    },
}

/// One text of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Line of the trace, from 1.
    pub(crate) line: u32,
    /// What it is.
    pub(crate) kind: Kind,
    /// The text.
    pub(crate) text: String,
}

/// A trace, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Its texts in order.
    pub(crate) events: Vec<Event>,
    /// Lines that were too long and are kept in part.
    pub(crate) cut_lines: u32,
    /// Whether there was more than may be read.
    pub(crate) cut: bool,
}

/// Reads a trace. A missing or unreadable file is an error; no content is.
pub(crate) fn read(path: &Path, limits: &Limits) -> io::Result<Trace> {
    let file = open_plain(path)?;
    let longer = file.metadata()?.len() > limits.trace_bytes;
    let mut trace = Trace { cut: longer, ..Trace::default() };
    let mut reader = BufReader::new(file.take(limits.trace_bytes));
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let most = limits.trace_line_bytes as u64;
        if reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == most && !line.ends_with(b"\n") {
            trace.cut_lines += 1;
            skip_line(&mut reader)?;
        }
        read_line(&line, number, &mut trace.events);
    }
    Ok(trace)
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (count, done) = end.map_or((buffer.len(), buffer.is_empty()), |end| (end + 1, true));
        reader.consume(count);
        if done {
            return Ok(());
        }
    }
}

/// Reads one line of the trace into events.
fn read_line(line: &[u8], number: u32, events: &mut Vec<Event>) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    let mut push = |kind, text: &str| {
        if !text.is_empty() {
            events.push(Event { line: number, kind, text: text.to_owned() });
        }
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => match wrapped(&object) {
            Some(inner) => match serde_json::from_str::<Value>(inner) {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => collect(&value, &mut push),
                _ => push(Kind::Output, inner),
            },
            None => collect(&Value::Object(object), &mut push),
        },
        Ok(value) => collect(&value, &mut push),
        // Not JSON, cut, or nested too deep: as it stands.
        Err(_) => push(Kind::Output, text),
    }
}

/// The agent's line inside a line of `raw.jsonl`.
fn wrapped(object: &Map<String, Value>) -> Option<&str> {
    object.get("stream")?;
    object.get("line")?.as_str()
}

fn collect(value: &Value, push: &mut impl FnMut(Kind, &str)) {
    match value {
        Value::String(text) => push(Kind::Said, text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, push)),
        Value::Object(object) => collect_object(object, push),
        _ => {}
    }
}

fn collect_object(object: &Map<String, Value>, push: &mut impl FnMut(Kind, &str)) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    if text("type") == Some("output") && object.contains_key("number") {
        push(Kind::Output, text("text").unwrap_or_default());
        return;
    }
    let written = text("file_path").or_else(|| text("path"));
    for (key, value) in object {
        match (key.as_str(), value) {
            ("command" | "cmd", Value::String(command)) => push(Kind::Command, command),
            ("command" | "cmd", Value::Array(words)) => push(Kind::Command, &joined(words)),
            ("content" | "new_string" | "file_text" | "new_str", Value::String(content)) => match written {
                Some(path) => push(Kind::Written { path: path.to_owned() }, content),
                None => push(Kind::Output, content),
            },
            ("stdout" | "stderr" | "aggregated_output" | "output", Value::String(output)) => push(Kind::Output, output),
            (
                "file_path" | "path" | "type" | "id" | "uuid" | "session_id" | "tool_use_id" | "role",
                Value::String(_),
            ) => {}
            _ => collect(value, push),
        }
    }
}

/// A command given as words. `bash -lc SCRIPT` is the script.
fn joined(words: &[Value]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    match words.as_slice() {
        [shell, flag, script] if shell.ends_with("sh") && flag.starts_with('-') && flag.contains('c') => {
            (*script).to_owned()
        }
        words => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn events(line: &str) -> Vec<(Kind, String)> {
        let mut events = Vec::new();
        read_line(line.as_bytes(), 1, &mut events);
        events.into_iter().map(|event| (event.kind, event.text)).collect()
    }

    fn raw(event: &Value) -> String {
        json!({"time": "2026-01-01T00:00:00Z", "stream": "stdout", "line": event.to_string()}).to_string()
    }

    #[test]
    fn steps_and_output_of_scripted_agents_are_told_apart() {
        let step = raw(&json!({"type": "step", "number": 1, "say": "hello", "command": "ls"}));
        assert_eq!(events(&step), [(Kind::Said, "hello".to_owned()), (Kind::Command, "ls".to_owned())]);
        let output = raw(&json!({"type": "output", "number": 1, "stream": "stdout", "text": "a.txt"}));
        assert_eq!(events(&output), [(Kind::Output, "a.txt".to_owned())]);
    }

    #[test]
    fn tools_of_other_scaffolds_are_read_by_their_keys() {
        let line = json!({"message": {"content": [
            {"type": "tool_use", "name": "Bash", "input": {"command": "python a.py"}},
            {"type": "tool_use", "name": "Write", "input": {"file_path": "/home/agent/task/a.py", "content": "print(1)"}},
            {"type": "tool_result", "content": "done"}]}});
        let path = "/home/agent/task/a.py".to_owned();
        let wanted = [
            (Kind::Command, "python a.py".to_owned()),
            (Kind::Said, "Bash".to_owned()),
            (Kind::Said, "Write".to_owned()),
            (Kind::Written { path }, "print(1)".to_owned()),
            (Kind::Output, "done".to_owned()),
        ];
        let found = events(&line.to_string());
        assert_eq!(found.len(), wanted.len());
        assert!(wanted.iter().all(|event| found.contains(event)));
        let codex = json!({"item": {"command": ["bash", "-lc", "ls data"]}});
        assert_eq!(events(&codex.to_string()), [(Kind::Command, "ls data".to_owned())]);
    }

    #[test]
    fn what_is_no_json_is_kept_as_it_stands() {
        assert_eq!(events("plain words"), [(Kind::Output, "plain words".to_owned())]);
        let deep = "[".repeat(100_000);
        assert_eq!(events(&deep), [(Kind::Output, deep)]);
        let stderr = json!({"time": "t", "stream": "stderr", "line": "oh no"}).to_string();
        assert_eq!(events(&stderr), [(Kind::Output, "oh no".to_owned())]);
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_read() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("raw.jsonl");
        std::fs::write(&path, format!("{}\nnext\n", "y".repeat(5000)))?;
        let trace = read(&path, &Limits { trace_line_bytes: 1000, ..Limits::default() })?;
        assert_eq!(trace.cut_lines, 1);
        assert_eq!(trace.events[0].text.len(), 1000);
        assert_eq!((trace.events[1].line, trace.events[1].text.as_str()), (2, "next"));
        Ok(())
    }

    #[test]
    fn a_missing_trace_is_an_error() {
        assert!(read(Path::new("/nonexistent/raw.jsonl"), &Limits::default()).is_err());
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "\\PC{0,200}") {
            read_line(line.as_bytes(), 1, &mut Vec::new());
        }

        #[test]
        fn no_text_of_a_step_is_lost(say in "[a-z ]{1,40}", command in "\\PC{1,60}") {
            let found = events(&raw(&json!({"type": "step", "number": 1, "say": say, "command": command})));
            prop_assert!(found.contains(&(Kind::Said, say)));
            prop_assert!(found.contains(&(Kind::Command, command)));
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read_line(&bytes, 1, &mut Vec::new());
        }
    }
}
