//! The recorded completions of GSM8K.

use std::fs;
use std::path::Path;

use ptb_eval::data::Item;
use ptb_eval::engine::Completion;
use ptb_eval::scorer::{Scored, Scorer};
use serde_json::Value;

use crate::data::shared;

fn records(golden: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(golden.join("evals/gsm8k.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The strict score of a text against a record's target.
fn score(text: &str, record: &Value) -> Scored {
    let item = Item { target: record["target"].as_str().unwrap().to_owned(), ..Item::default() };
    Scorer::Numeric { boxed: false, after_marker: false }.score(&Completion::of_text(text), &item).unwrap()
}

/// The strict scorer's score of a record.
fn strict(record: &Value) -> f64 {
    score(record["completion"]["content"].as_str().unwrap_or_default(), record).score
}

#[test]
fn the_strict_scorer_agrees_with_every_correct_score() {
    let Some(golden) = shared("golden") else { return };
    let marked: Vec<_> = records(&golden).into_iter().filter(|record| record["correct_score"].is_number()).collect();
    assert!(!marked.is_empty());
    for record in &marked {
        assert_eq!(record["correct_score"].as_f64(), Some(strict(record)), "{record}");
    }
}

#[test]
fn the_strict_scorer_agrees_on_the_plain_completions_of_every_sample() {
    let Some(golden) = shared("golden") else { return };
    let records = records(&golden);
    let plain =
        |record: &&Value| record["kind"].as_str().unwrap().starts_with("all_") && !record["correct_score"].is_number();
    for record in records.iter().filter(plain) {
        assert_eq!(record["score"].as_f64(), Some(strict(record)), "{record}");
    }
}

#[test]
fn no_other_number_than_the_stated_one_counts() {
    let Some(golden) = shared("golden") else { return };
    for record in records(&golden).iter().filter(|record| strict(record) >= 1.0) {
        // Some records state several numbers, or none.
        let Some(stated) = record["stated_value"].as_str() else { continue };
        let same = score(&format!("ANSWER: {stated}"), record);
        assert!(same.is_right(), "{record}");
    }
}
