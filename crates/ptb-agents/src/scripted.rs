//! The scaffold that runs a fixed list of shell steps, as a stand-in for an LLM that decides on them.
//!
//! It runs inside the sandbox and prints one JSON event a line, see [`ScriptEvent`].

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use ptb_core::definitions::ScriptStep;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest piece of output in one event, in bytes.
const MAX_PIECE: u64 = 16 * 1024;

/// How long output may still arrive after a step's shell has ended, when something it left behind holds the pipe.
const DRAIN: Duration = Duration::from_millis(200);

/// One line of a scripted agent's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ScriptEvent {
    /// The agent was started.
    Start {
        /// Its id.
        agent: String,
        /// What it was told.
        instructions: String,
    },
    /// A step begins.
    Step {
        /// Number of the step, from 1.
        number: usize,
        /// What the agent says.
        say: String,
        /// The shell command.
        command: String,
    },
    /// The command of a step printed something.
    Output {
        /// Number of the step.
        number: usize,
        /// `stdout` or `stderr`.
        stream: String,
        /// One line, or a piece of a long one, without the line end.
        text: String,
    },
    /// The command of a step ended.
    Exit {
        /// Number of the step.
        number: usize,
        /// Its exit code; 128 plus the signal's number when a signal ended it.
        exit_code: i32,
    },
    /// The last step is done.
    End {
        /// The exit code of the agent.
        exit_code: i32,
    },
}

/// A scripted agent that could not go on.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// The trace cannot be written.
    #[error("cannot write the agent's trace: {0}")]
    Trace(#[source] io::Error),
    /// A step's shell cannot be started.
    #[error("cannot start bash for step {number}: {cause} (is bash installed?)")]
    Shell {
        /// Number of the step.
        number: usize,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Runs the steps in `workspace` and writes the events to `trace`. Returns the agent's exit code: that of the first step
/// that failed and was not allowed to.
pub fn run(
    agent: &str,
    instructions: &str,
    steps: &[ScriptStep],
    workspace: &Path,
    trace: &mut impl Write,
) -> Result<i32, ScriptError> {
    emit(trace, &ScriptEvent::Start { agent: agent.to_owned(), instructions: instructions.to_owned() })?;
    let mut exit_code = 0;
    for (number, step) in (1..).zip(steps) {
        emit(trace, &ScriptEvent::Step { number, say: step.say.clone(), command: step.run.clone() })?;
        let step_code = run_step(number, step, workspace, trace)?;
        emit(trace, &ScriptEvent::Exit { number, exit_code: step_code })?;
        if step_code != 0 && !step.may_fail {
            exit_code = step_code;
            break;
        }
    }
    emit(trace, &ScriptEvent::End { exit_code })?;
    Ok(exit_code)
}

fn run_step(number: usize, step: &ScriptStep, workspace: &Path, trace: &mut impl Write) -> Result<i32, ScriptError> {
    let mut shell = Command::new("bash")
        .args(["-c", &step.run])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| ScriptError::Shell { number, cause })?;
    let output = follow_output(&mut shell);
    let mut ended: Option<(Instant, i32)> = None;
    loop {
        match output.recv_timeout(Duration::from_millis(10)) {
            Ok((stream, text)) => {
                emit(trace, &ScriptEvent::Output { number, stream: stream.to_owned(), text })?;
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = shell.wait().map_err(|cause| ScriptError::Shell { number, cause })?;
                return Ok(exit_code(status));
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some((since, code)) = ended {
                    if since.elapsed() >= DRAIN {
                        return Ok(code);
                    }
                } else if let Ok(Some(status)) = shell.try_wait() {
                    ended = Some((Instant::now(), exit_code(status)));
                }
            }
        }
    }
}

fn follow_output(shell: &mut Child) -> Receiver<(&'static str, String)> {
    // Bounded, so that a flood of output slows its producer down instead of filling the memory.
    let (sender, receiver) = mpsc::sync_channel(256);
    let (funnel, lines) = (sender.clone(), receiver);
    if let Some(stdout) = shell.stdout.take() {
        thread::spawn(move || follow("stdout", stdout, &funnel));
    }
    if let Some(stderr) = shell.stderr.take() {
        thread::spawn(move || follow("stderr", stderr, &sender));
    }
    lines
}

fn follow(stream: &'static str, pipe: impl Read, sender: &mpsc::SyncSender<(&'static str, String)>) {
    let mut reader = BufReader::new(pipe);
    let mut piece = Vec::new();
    while reader.by_ref().take(MAX_PIECE).read_until(b'\n', &mut piece).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(piece.strip_suffix(b"\n").unwrap_or(&piece)).into_owned();
        if sender.send((stream, text)).is_err() {
            return;
        }
        piece.clear();
    }
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

fn emit(trace: &mut impl Write, event: &ScriptEvent) -> Result<(), ScriptError> {
    let mut line = serde_json::to_vec(event).map_err(|error| ScriptError::Trace(error.into()))?;
    line.push(b'\n');
    trace.write_all(&line).and_then(|()| trace.flush()).map_err(ScriptError::Trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(command: &str, may_fail: bool) -> ScriptStep {
        ScriptStep { say: "next".to_owned(), run: command.to_owned(), may_fail }
    }

    fn play(steps: &[ScriptStep]) -> (i32, Vec<ScriptEvent>) {
        let folder = tempfile::tempdir().unwrap();
        let mut trace = Vec::new();
        let code = run("a", "do it", steps, folder.path(), &mut trace).unwrap();
        let events = trace.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        (code, events.map(|line| serde_json::from_slice(line).unwrap()).collect())
    }

    fn texts(events: &[ScriptEvent]) -> Vec<&str> {
        let mut texts = Vec::new();
        for event in events {
            if let ScriptEvent::Output { text, .. } = event {
                texts.push(text.as_str());
            }
        }
        texts
    }

    #[test]
    fn steps_run_in_order_in_the_workspace() {
        let (code, events) = play(&[step("echo one > file", false), step("cat file; echo two >&2", false)]);
        assert_eq!(code, 0);
        assert_eq!(texts(&events).len(), 2);
        assert!(matches!(events.first(), Some(ScriptEvent::Start { .. })));
        assert_eq!(events.last(), Some(&ScriptEvent::End { exit_code: 0 }));
    }

    #[test]
    fn a_failing_step_ends_the_agent_unless_it_may_fail() {
        let (code, events) = play(&[step("exit 3", true), step("kill -9 $$", false), step("echo never", false)]);
        assert_eq!(code, 137);
        assert!(texts(&events).is_empty());
    }

    #[test]
    fn a_process_left_behind_does_not_hold_up_the_next_step() {
        let started = Instant::now();
        let (code, _) = play(&[step("sleep 30 & echo started", false)]);
        assert_eq!(code, 0);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn long_lines_and_invalid_text_are_cut_and_kept() {
        let (_, events) = play(&[step("head -c 40000 /dev/zero | tr '\\0' x; printf '\\xff\\n'", false)]);
        let texts = texts(&events);
        assert_eq!(texts.iter().map(|text| text.chars().count()).sum::<usize>(), 40_001);
        assert!(texts.iter().all(|text| text.len() <= MAX_PIECE as usize));
    }
}
