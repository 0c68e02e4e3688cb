//! The append-only event log of a run, `events.jsonl`.
//!
//! The screen, the status command and the index all read the same stream, so a replayed run looks like the live one.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::{FileError, IoContext};
use crate::stage::Stage;

/// Longest line that is read back, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in UTC.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run folder was made.
    Created,
    /// A worker took the run.
    WorkerStarted {
        /// Its process id.
        pid: u32,
    },
    /// A stage began.
    StageStarted {
        /// Which.
        stage: Stage,
        /// 1 for the first time.
        attempt: u32,
    },
    /// An earlier worker was cut off in a stage; what it had done of that stage is thrown away.
    StageInterrupted {
        /// Which.
        stage: Stage,
    },
    /// A stage left its result.
    StageFinished {
        /// Which.
        stage: Stage,
        /// One sentence for people.
        summary: String,
    },
    /// A stage failed for a reason that is the bench's, not the agent's.
    StageFailed {
        /// Which.
        stage: Stage,
        /// The whole chain of causes.
        error: String,
    },
    /// Something worth knowing that changes nothing.
    Note {
        /// What.
        message: String,
    },
    /// The run has a score.
    Finished,
}

/// Appends to and reads an `events.jsonl`.
#[derive(Debug, Clone)]
pub struct EventLog {
    path: PathBuf,
}

impl EventLog {
    /// The log at `path`, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Appends one event with the current time, in one write.
    pub fn append(&self, kind: EventKind) -> Result<Event, FileError> {
        let event = Event { time: Timestamp::now(), kind };
        let mut line = serde_json::to_vec(&event).map_err(|error| FileError::new("write", &self.path, error))?;
        line.push(b'\n');
        self.append_line(&line).with_path("append to", &self.path)?;
        Ok(event)
    }

    fn append_line(&self, line: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.path)?;
        // A worker killed in the middle of a write leaves half a line; it must not swallow the next event.
        if ends_inside_line(&mut file)? {
            file.write_all(b"\n")?;
        }
        file.write_all(line)?;
        file.sync_data()
    }

    /// All readable events. Half lines that a crash left are passed over; an absent log is empty.
    pub fn read(&self) -> Result<Vec<Event>, FileError> {
        let file = match OpenOptions::new().read(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.with_path("read", &self.path)?,
        };
        let mut reader = BufReader::new(file);
        let mut events = Vec::new();
        let mut line = Vec::new();
        while reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).with_path("read", &self.path)? > 0 {
            events.extend(serde_json::from_slice::<Event>(&line).ok());
            line.clear();
        }
        Ok(events)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn ends_inside_line(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_left_by_a_crash_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::at(folder.path().join("events.jsonl"));
        assert!(log.read().unwrap().is_empty());
        log.append(EventKind::Created).unwrap();
        OpenOptions::new().append(true).open(log.path()).unwrap().write_all(b"{\"time\":\"20").unwrap();
        log.append(EventKind::StageStarted { stage: Stage::Audit, attempt: 1 }).unwrap();
        let kinds: Vec<_> = log.read().unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Created, EventKind::StageStarted { stage: Stage::Audit, attempt: 1 }]);
    }
}
