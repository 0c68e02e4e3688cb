//! Recording an agent's output, each line with its time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ptb_core::files::{FileError, IoContext};
use serde::{Deserialize, Serialize};

/// Longest recorded line, in bytes; longer ones are cut into pieces.
const MAX_LINE: u64 = 256 * 1024;

/// Largest trace, in bytes. An agent that prints more is not recorded further, and the trace says so.
const MAX_TRACE: u64 = 4 * 1024 * 1024 * 1024;

/// One line of `trace/raw.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawLine {
    /// When it arrived, in UTC.
    pub time: Timestamp,
    /// `stdout`, `stderr`, or `ptb` for remarks of the recorder itself.
    pub stream: String,
    /// The line, without its end.
    pub line: String,
    /// Whether the line goes on in the next record of the same stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
}

/// Writes `trace/raw.jsonl` from several streams at once.
#[derive(Debug, Clone)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    file: File,
    written: u64,
    limit: u64,
    failure: Option<io::Error>,
}

impl Recorder {
    /// Starts an empty trace at `path`.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        Self::with_limit(path, MAX_TRACE)
    }

    fn with_limit(path: &Path, limit: u64) -> Result<Self, FileError> {
        let file = File::create(path).with_path("create", path)?;
        let state = State { path: path.to_owned(), file, written: 0, limit, failure: None };
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// Records a stream until it ends. Never stops reading, even when nothing can be recorded any more, so that the agent
    /// is not held up; [`Recorder::finish`] tells what went wrong.
    pub fn follow(&self, stream: &str, pipe: impl Read) {
        let mut reader = BufReader::with_capacity(64 * 1024, pipe);
        let mut bytes = Vec::new();
        while reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let continues = !bytes.ends_with(b"\n") && bytes.len() as u64 == MAX_LINE;
            let line = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes)).into_owned();
            self.record(&RawLine { time: Timestamp::now(), stream: stream.to_owned(), line, continues });
            bytes.clear();
        }
    }

    fn record(&self, line: &RawLine) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_some() || state.written > state.limit {
            return;
        }
        let result = state.write(line).and_then(|()| state.remark_at_limit());
        state.failure = result.err();
    }

    /// Makes the trace durable and reports the first failure to record it.
    pub fn finish(&self) -> Result<(), FileError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match state.failure.take() {
            Some(error) => Err(error),
            None => state.file.sync_all(),
        };
        result.with_path("write", &state.path)
    }
}

impl State {
    fn write(&mut self, line: &RawLine) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written += text.len() as u64;
        self.file.write_all(&text)
    }

    fn remark_at_limit(&mut self) -> io::Result<()> {
        if self.written <= self.limit {
            return Ok(());
        }
        let line =
            format!("the trace has reached {} bytes; what the agent printed from here on is not recorded", self.limit);
        self.write(&RawLine { time: Timestamp::now(), stream: "ptb".to_owned(), line, continues: false })
    }
}

/// Reads a raw trace line by line in bounded memory. A half line at the end, left by a crash, is passed over.
pub fn read_raw(path: &Path) -> Result<impl Iterator<Item = RawLine> + use<>, FileError> {
    let mut reader = BufReader::new(File::open(path).with_path("read", path)?);
    let mut bytes = Vec::new();
    Ok(std::iter::from_fn(move || {
        loop {
            bytes.clear();
            // Six bytes of JSON for each byte of text at most, and the other fields.
            let limit = MAX_LINE * 6 + 1024;
            if reader.by_ref().take(limit).read_until(b'\n', &mut bytes).ok()? == 0 {
                return None;
            }
            if let Ok(line) = serde_json::from_slice(&bytes) {
                return Some(line);
            }
        }
    }))
}

/// The last `count` lines that the agent printed.
pub fn last_lines(path: &Path, count: usize) -> Result<Vec<String>, FileError> {
    let mut last = std::collections::VecDeque::with_capacity(count + 1);
    for line in read_raw(path)? {
        last.push_back(line.line);
        if last.len() > count {
            last.pop_front();
        }
    }
    Ok(last.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn recorded(input: &[u8], limit: u64) -> Vec<RawLine> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.jsonl");
        let recorder = Recorder::with_limit(&path, limit).unwrap();
        recorder.follow("stdout", input);
        recorder.finish().unwrap();
        read_raw(&path).unwrap().collect()
    }

    #[test]
    fn every_line_is_kept_with_its_stream() {
        let lines = recorded("a\n\nü\u{0}\nlast".as_bytes(), 1 << 20);
        let texts: Vec<_> = lines.iter().map(|line| line.line.as_str()).collect();
        assert_eq!(texts, ["a", "", "ü\u{0}", "last"]);
        assert!(lines.iter().all(|line| line.stream == "stdout"));
    }

    #[test]
    fn an_endless_line_is_cut_and_put_together_again() {
        let input = vec![b'\x01'; MAX_LINE as usize * 2 + 5];
        let lines = recorded(&input, 1 << 30);
        let lengths: Vec<_> = lines.iter().map(|line| (line.line.len() as u64, line.continues)).collect();
        assert_eq!(lengths, [(MAX_LINE, true), (MAX_LINE, true), (5, false)]);
    }

    #[test]
    fn a_flood_is_read_to_its_end_but_not_recorded_to_its_end() {
        let lines = recorded(&b"0123456789\n".repeat(10_000), 1_000);
        assert!(lines.len() < 100);
        assert_eq!(lines.last().unwrap().stream, "ptb");
    }

    #[test]
    fn half_a_line_at_the_end_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.jsonl");
        fs::write(&path, "{\"time\":\"2026-01-01T00:00:00Z\",\"stream\":\"stdout\",\"line\":\"a\"}\n{\"time\":")
            .unwrap();
        assert_eq!(last_lines(&path, 5).unwrap(), ["a"]);
    }
}
