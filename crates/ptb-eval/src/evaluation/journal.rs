//! `samples.jsonl`: the samples of one seed as they finish.
//!
//! The first line names the evaluation. Each start adds a line, each sample adds one. A line that a crash cut off costs only
//! its own sample. The file of another evaluation is renamed, never overwritten.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ptb_core::files::{self, FileError, IoContext};
use serde::{Deserialize, Serialize};

use super::sample::SampleRecord;
use crate::engine::MAX_COMPLETION;

/// Longest line that is read back: escaped, each byte of a completion can take six.
const MAX_LINE: u64 = 6 * MAX_COMPLETION as u64 + (1 << 16);

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there is one line at a time")]
enum Line<'a> {
    Evaluation {
        settings: String,
        created: Timestamp,
    },
    Start {
        time: Timestamp,
    },
    Sample {
        #[serde(flatten)]
        record: std::borrow::Cow<'a, SampleRecord>,
    },
}

/// The open journal of one seed.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    contents: Contents,
}

/// What a journal holds.
#[derive(Debug, Default)]
struct Contents {
    settings: Option<String>,
    created: Option<Timestamp>,
    /// Begin and last sign of life of each start.
    sessions: Vec<(Timestamp, Timestamp)>,
    records: HashMap<String, SampleRecord>,
}

impl Journal {
    /// Opens the journal of the evaluation with these settings, with the samples it already has.
    pub(crate) fn open(folder: &Path, settings: &str) -> Result<Self, FileError> {
        files::create_folder(folder)?;
        let path = folder.join("samples.jsonl");
        let mut contents = read(&path)?;
        if contents.settings.as_deref() != Some(settings) {
            set_aside(&path, &contents)?;
            contents = Contents::default();
        }
        let file = File::options().create(true).append(true).open(&path).with_path("write", &path)?;
        let mut journal = Self { path, file, contents };
        journal.begin(settings)?;
        Ok(journal)
    }

    fn begin(&mut self, settings: &str) -> Result<(), FileError> {
        let time = Timestamp::now();
        if self.contents.created.is_none() {
            self.contents.created = Some(time);
            self.append(&Line::Evaluation { settings: settings.to_owned(), created: time })?;
        } else {
            // Ends the line that a crash may have cut off; empty lines are passed over.
            self.file.write_all(b"\n").with_path("append to", &self.path)?;
        }
        self.contents.sessions.push((time, time));
        self.append(&Line::Start { time })
    }

    fn append(&mut self, line: &Line<'_>) -> Result<(), FileError> {
        let mut text = serde_json::to_vec(line).map_err(|error| FileError::new("append to", &self.path, error))?;
        text.push(b'\n');
        self.file.write_all(&text).with_path("append to", &self.path)
    }

    /// Keeps a sample, in one write.
    pub(crate) fn add(&mut self, record: SampleRecord) -> Result<(), FileError> {
        self.append(&Line::Sample { record: std::borrow::Cow::Borrowed(&record) })?;
        self.contents.add(record);
        Ok(())
    }

    /// Makes what was added survive a power failure.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        self.file.sync_data().with_path("write", &self.path)
    }

    /// The record of a sample.
    pub(crate) fn record(&self, id: &str) -> Option<&SampleRecord> {
        self.contents.records.get(id)
    }

    /// When the evaluation of this seed first began.
    pub(crate) fn created(&self) -> Timestamp {
        self.contents.created.unwrap_or_default()
    }

    /// When the last sample was done.
    pub(crate) fn last_finished(&self) -> Timestamp {
        self.contents.records.values().map(|record| record.finished).max().unwrap_or_else(|| self.created())
    }

    /// Seconds of work over all starts.
    pub(crate) fn seconds(&self) -> f64 {
        self.contents.sessions.iter().map(|(start, last)| last.duration_since(*start).as_secs_f64().max(0.0)).sum()
    }
}

impl Contents {
    fn add(&mut self, record: SampleRecord) {
        if let Some((_, last)) = self.sessions.last_mut() {
            *last = record.finished.max(*last);
        }
        self.records.insert(record.id.clone(), record);
    }

    fn take(&mut self, line: Line<'_>) {
        match line {
            Line::Evaluation { settings, created } => {
                self.settings = Some(settings);
                self.created = Some(created);
            }
            Line::Start { time } => self.sessions.push((time, time)),
            Line::Sample { record } => self.add(record.into_owned()),
        }
    }
}

fn read(path: &Path) -> Result<Contents, FileError> {
    let mut contents = Contents::default();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(contents),
        file => file.with_path("read", path)?,
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).with_path("read", path)? > 0 {
        if let Ok(line) = serde_json::from_slice(&line) {
            contents.take(line);
        }
        line.clear();
    }
    Ok(contents)
}

/// Renames the journal of another evaluation, so that nothing is lost.
fn set_aside(path: &Path, contents: &Contents) -> Result<(), FileError> {
    let name: String = contents.settings.as_deref().unwrap_or("unreadable").chars().take(12).collect();
    match fs::rename(path, path.with_file_name(format!("samples.{name}.jsonl"))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.with_path("rename", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::sample::Outcome;

    fn record(id: &str) -> SampleRecord {
        let outcome = Outcome::Failed { error: "a\nb\u{0}".to_owned() };
        SampleRecord { id: id.to_owned(), seed: 1, finished: Timestamp::now(), earlier_exchanges: Vec::new(), outcome }
    }

    #[test]
    fn half_a_line_costs_only_its_sample() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "s").unwrap();
        journal.add(record("a")).unwrap();
        let created = journal.created();
        journal.file.write_all(b"{\"line\":\"sample\",\"id\":\"b\",").unwrap();
        let mut journal = Journal::open(folder.path(), "s").unwrap();
        journal.add(record("c")).unwrap();
        let journal = Journal::open(folder.path(), "s").unwrap();
        assert_eq!(journal.record("a").unwrap().outcome, record("a").outcome);
        assert!(journal.record("b").is_none() && journal.record("c").is_some());
        assert_eq!(journal.created(), created);
    }

    #[test]
    fn samples_of_another_evaluation_are_kept_but_not_reused() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path(), "first").unwrap().add(record("a")).unwrap();
        assert!(Journal::open(folder.path(), "second").unwrap().record("a").is_none());
        let aside = fs::read_to_string(folder.path().join("samples.first.jsonl")).unwrap();
        assert!(aside.contains("\"id\":\"a\""), "{aside}");
    }
}
