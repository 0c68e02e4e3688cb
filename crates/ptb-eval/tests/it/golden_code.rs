//! The recorded answers to `HumanEval`: strict verdicts, and the reference's, exceptions included.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ptb_eval::code::compat::{Ran, run};
use ptb_eval::code::{CodeConfig, CodeGrader};
use ptb_eval::data::ProgramTests;
use serde_json::Value;

use crate::code_trial::{config, pool};
use crate::data::shared;

/// Longer than the slowest right answer, shorter than the reference's 30 seconds.
const SECONDS: u64 = 15;

/// Lines of a shared file. The half of a surrogate pair that one of them has is written as its stand-in.
fn rows(folder: &str, path: &str) -> Option<Vec<Value>> {
    let text = fs::read_to_string(shared(folder)?.join(path)).expect("a shared file");
    let parsed = |line: &str| {
        // In the text of the exception it is written out, behind an escaped backslash.
        let halves = line.replace(r"\\ud800", "\0").replace(r"\ud800", "\u{10f800}").replace('\0', r"\\ud800");
        serde_json::from_str(&halves).expect("a record")
    };
    Some(text.lines().map(parsed).collect())
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

struct Golden {
    records: Vec<Value>,
    tasks: HashMap<String, ProgramTests>,
    grader: CodeGrader,
}

impl Golden {
    fn new() -> Option<Self> {
        let records = rows("golden", "evals/humaneval.jsonl")?;
        let task = |row: &Value| ProgramTests {
            prompt: text(row, "prompt").to_owned(),
            tests: text(row, "test").to_owned(),
            entry_point: text(row, "entry_point").to_owned(),
        };
        let data = rows("data", "humaneval/HumanEval.jsonl")?;
        let tasks = data.iter().map(|row| (text(row, "task_id").to_owned(), task(row))).collect();
        pool()?;
        let grader = CodeGrader::new(CodeConfig { memory_bytes: 2 << 30, ..config(SECONDS) }).expect("a grader");
        Some(Self { records, tasks, grader })
    }

    /// Calls a function with every record that this machine can judge, several at a time, and expects no complaint.
    fn each(&self, complaint: impl Fn(&CodeGrader, &Value, &ProgramTests) -> Option<String> + Sync) {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut complaints = Vec::new();
            while let Some(record) = self.records.get(next.fetch_add(1, Ordering::Relaxed)) {
                let task = &self.tasks[text(record, "sample_id")];
                if self.fits(record)
                    && let Some(complaint) = complaint(&self.grader, record, task)
                {
                    complaints.push(format!("{} {}: {complaint}", text(record, "record_id"), text(record, "kind")));
                }
            }
            complaints
        };
        let complaints: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    /// Whether this machine's Python is like the recorded one for a record.
    fn fits(&self, record: &Value) -> bool {
        let numpy =
            || self.grader.pool().interpreter().packages.iter().any(|folder| Path::new(folder).join("numpy").exists());
        match text(record, "kind") {
            "import_numpy" => numpy(),
            "fstring_nested_quotes" => self.grader.pool().interpreter().minor < 12,
            _ => true,
        }
    }
}

#[test]
fn strict_scores_are_right() {
    let Some(golden) = Golden::new() else { return };
    golden.each(|grader, record, task| {
        let expected = record["correct_score"].as_f64().or_else(|| record["score"].as_f64())?;
        match grader.score(text(&record["completion"], "content"), task) {
            Ok(scored) if (scored.score - expected).abs() < 0.1 => None,
            Ok(scored) => Some(format!("{}: {}", scored.score, scored.reason)),
            Err(error) => Some(error.to_string()),
        }
    });
}

#[test]
fn the_reference_is_followed_in_everything() {
    let Some(golden) = Golden::new() else { return };
    golden.each(|grader, record, task| {
        let content = text(&record["completion"], "content");
        let completion = record["completion_seen_by_scorer"].as_str().unwrap_or(content);
        match grader.score_as_reference(completion, task) {
            Ok(Err(raised)) => (record["error"] != raised.to_string()).then(|| raised.to_string()),
            Ok(Ok(recorded)) => {
                let same = record["score"] == i32::from(recorded.is_right);
                let same = same && record["extracted_answer"] == recorded.answer.as_str();
                (!same).then(|| format!("{recorded:?}"))
            }
            Err(error) => Some(error.to_string()),
        }
    });
}

#[test]
fn failures_are_explained_as_by_the_reference() {
    let Some(golden) = Golden::new() else { return };
    golden.each(|grader, record, task| {
        let line = record["stderr_last_line"].as_str()?;
        match run(grader.pool(), task, text(record, "extracted_answer")) {
            Ok(Ran::Scored(verdict)) => {
                (!says_the_same(line, &verdict.reason)).then(|| format!("ends with {}", verdict.reason))
            }
            other => Some(format!("{other:?}")),
        }
    });
}

/// Messages of syntax errors differ from version to version.
fn says_the_same(recorded: &str, line: &str) -> bool {
    recorded == line || (recorded.starts_with("SyntaxError") && line.starts_with("SyntaxError"))
}
