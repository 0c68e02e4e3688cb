//! Every recorded completion, scored as a line of a file: the reference's way and the strict way.

use std::fs;

use ptb_core::definitions::BenchmarkDefinition;
use ptb_eval::score_file::{Judged, Mode, Scoring};
use serde_json::Value;

use crate::data::{embedded, shared};

fn lines(benchmark: &BenchmarkDefinition) -> Option<String> {
    Some(fs::read_to_string(shared("golden")?.join(format!("evals/{}.jsonl", benchmark.id))).unwrap())
}

/// Each record with its output, scored without the data set.
fn for_each_record(benchmark: &str, mode: Mode, mut check: impl FnMut(&Value, Judged, &Value)) {
    let benchmark = embedded(benchmark);
    let Some(lines) = lines(&benchmark) else { return };
    let scoring = Scoring::new(&benchmark, mode, Err("there is no data set".to_owned()), None).unwrap();
    for line in lines.lines() {
        let (judged, output) = scoring.score_line(line.as_bytes());
        let (record, output): (Value, Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_str(&output).unwrap());
        assert_eq!((&record["record_id"], &record["sample_id"]), (&output["record_id"], &output["sample_id"]));
        check(&record, judged, &output);
    }
}

fn check_compat(benchmark: &str) {
    for_each_record(benchmark, Mode::Inspect, |record, judged, output| {
        let id = &record["record_id"];
        assert_eq!(record["score"].as_f64(), output["score"].as_f64(), "{id}: {output}");
        assert_eq!(record["error"], output["error"], "{id}");
        let expected = if record["score"].is_null() { Judged::Raised } else { Judged::Scored };
        assert_eq!(judged, expected, "{id}");
        assert_eq!(record["extracted_answer"], output["extracted_answer"], "{id}");
    });
}

fn check_strict(benchmark: &str, is_exception: fn(&Value) -> bool) {
    let mut differences = Vec::new();
    for_each_record(benchmark, Mode::Strict, |record, judged, output| {
        let fair = &record[if record["correct_score"].is_null() { "score" } else { "correct_score" }];
        if fair.as_f64() != output["score"].as_f64() && !is_exception(record) {
            let content = record["completion"]["content"].as_str().unwrap_or_default();
            let end: String = content.chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
            differences.push(format!("{} {} {} {end:?} {output}", record["kind"], record["target"], fair));
        }
        assert_eq!(judged, Judged::Scored, "{output}");
    });
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn numeric_scores_are_the_recorded_ones() {
    check_compat("gsm8k");
    check_compat("aime2025");
}

#[test]
fn choice_scores_are_the_recorded_ones() {
    check_compat("gpqamain");
}

/// What the strict scorer knows better: "3 hundred" is not 3.
fn is_multiplied(record: &Value) -> bool {
    record["kind"] == "words" && record["completion"]["content"].as_str().unwrap().ends_with(" hundred")
}

#[test]
fn strict_numeric_scores_are_the_correct_ones() {
    check_strict("gsm8k", is_multiplied);
    check_strict("aime2025", is_multiplied);
}

#[test]
fn call_scores_are_the_recorded_ones() {
    check_compat("bfcl");
}

#[test]
fn strict_call_scores_are_the_correct_ones() {
    check_strict("bfcl", |_| false);
}

#[test]
fn strict_choice_scores_are_the_recorded_ones() {
    check_strict("gpqamain", |_| false);
}
