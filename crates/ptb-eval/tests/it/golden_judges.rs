//! What is common to the recorded judgings.

use std::fs;
use std::path::Path;

use ptb_core::definitions::{JudgeSettings, JudgeWording, TokenPrices};
use ptb_eval::prompt::ChatMessage;
use ptb_eval::scorer::answer_for_judge;
use serde_json::Value;

/// The records of a file by kind.
pub struct Records(Vec<Value>);

impl Records {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        Self(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// The records of a kind, of which there must be some.
    pub fn of(&self, kind: &str) -> Vec<&Value> {
        let found: Vec<_> = self.0.iter().filter(|record| record["kind"] == kind).collect();
        assert!(!found.is_empty(), "no records of {kind}");
        found
    }

    /// The records of a run in the order of its items.
    pub fn of_run(&self, kind: &str, policy: &Value) -> Vec<&Value> {
        let mut found: Vec<_> =
            self.0.iter().filter(|record| record["kind"] == kind && record["policy"] == *policy).collect();
        found.sort_by_key(|record| record["position"].as_u64());
        found
    }

    /// Every kind is looked at by some test.
    pub fn assert_kinds(&self, known: &[&str]) {
        for record in &self.0 {
            assert!(known.contains(&record["kind"].as_str().unwrap()), "a new kind: {record}");
        }
    }
}

pub fn rows(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn settings(reasoning_effort: Option<&str>) -> JudgeSettings {
    JudgeSettings {
        model: "gpt-5-mini".to_owned(),
        base_url: "http://127.0.0.1:1/v1".to_owned(),
        key_variable: "PTB_TEST_KEY".to_owned(),
        max_completion_tokens: 49152,
        reasoning_effort: reasoning_effort.map(str::to_owned),
        concurrency: 8,
        requests_per_minute: None,
        attempts: 5,
        prices: TokenPrices {
            date: "2026-11-24".to_owned(),
            source: "a test".to_owned(),
            input: 0.25,
            cached_input: 0.025,
            output: 2.0,
        },
    }
}

pub fn wording(system: Option<&str>, user: &str, sequential: bool) -> JudgeWording {
    JudgeWording { system: system.map(str::to_owned), user: user.to_owned(), turn: None, criterion: None, sequential }
}

pub fn conversation(turns: &Value) -> Vec<ChatMessage> {
    serde_json::from_value(turns.clone()).unwrap()
}

/// What a run's items say of the model's messages.
pub fn assert_answers(records: &Records) {
    for record in records.of("generation") {
        let answer = answer_for_judge(record["content"].as_str().unwrap());
        assert_eq!(answer, record["answer"], "{}", record["record_id"]);
    }
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}
