//! Trying again with less when the engine fails.

use std::path::Path;

use jiff::Timestamp;
use ptb_core::files::{self, FileError};
use serde::{Deserialize, Serialize};

/// A token limit and how often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Attempts with this limit.
    pub attempts: u32,
}

/// The rungs of a benchmark's token limits: 4 attempts with the first, 3 with the second, 2 with each further one.
pub fn rungs(limits: &[u32]) -> Vec<Rung> {
    let attempts = [4, 3].into_iter().chain(std::iter::repeat(2));
    limits.iter().zip(attempts).map(|(max_tokens, attempts)| Rung { max_tokens: *max_tokens, attempts }).collect()
}

/// One attempt in which the engine failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedAttempt {
    pub(crate) time: Timestamp,
    pub(crate) max_tokens: u32,
    pub(crate) seed: u64,
    pub(crate) error: String,
}

/// `failures.json`: the attempts that failed, so that a restarted evaluation does not begin again at the top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failures {
    evaluation: String,
    /// All attempts are used up; the next start is a new evaluation.
    exhausted: bool,
    pub(crate) attempts: Vec<FailedAttempt>,
}

impl Failures {
    /// The failures of this evaluation so far; none where the file is about another one.
    pub(crate) fn read(path: &Path, evaluation: &str) -> Result<Self, FileError> {
        let stored: Option<Self> = files::read_json_if_present(path)?;
        let current = stored.filter(|failures| failures.evaluation == evaluation && !failures.exhausted);
        Ok(current.unwrap_or_else(|| Self {
            evaluation: evaluation.to_owned(),
            exhausted: false,
            attempts: Vec::new(),
        }))
    }

    /// The rung to try next; none when all are used up.
    pub(crate) fn next(&self, rungs: &[Rung]) -> Option<Rung> {
        rungs.iter().copied().find(|rung| self.failed(rung.max_tokens) < rung.attempts)
    }

    fn failed(&self, max_tokens: u32) -> u32 {
        self.attempts.iter().filter(|attempt| attempt.max_tokens == max_tokens).count() as u32
    }

    /// Adds a failure and stores all.
    pub(crate) fn add(&mut self, path: &Path, attempt: FailedAttempt, rungs: &[Rung]) -> Result<(), FileError> {
        self.attempts.push(attempt);
        self.exhausted = self.next(rungs).is_none();
        files::write_json(path, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_fewer_down_the_rungs() {
        let rungs = rungs(&[16000, 12000, 8000, 4000]);
        let attempts: Vec<_> = rungs.iter().map(|rung| (rung.max_tokens, rung.attempts)).collect();
        assert_eq!(attempts, [(16000, 4), (12000, 3), (8000, 2), (4000, 2)]);
    }

    #[test]
    fn failures_are_remembered_until_they_are_used_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("failures.json");
        let rungs = [Rung { max_tokens: 9, attempts: 2 }, Rung { max_tokens: 5, attempts: 1 }];
        let mut tried = Vec::new();
        for _ in 0..4 {
            let mut failures = Failures::read(&path, "this").unwrap();
            let rung = failures.next(&rungs).unwrap();
            tried.push(rung.max_tokens);
            let attempt =
                FailedAttempt { time: Timestamp::now(), max_tokens: rung.max_tokens, seed: 1, error: "x".to_owned() };
            failures.add(&path, attempt, &rungs).unwrap();
        }
        assert_eq!(tried, [9, 9, 5, 9]);
        assert!(Failures::read(&path, "other").unwrap().attempts.is_empty());
    }
}
