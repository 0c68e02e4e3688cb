//! The recorded clean-up of messages that judges see.

use std::fs;

use ptb_eval::scorer::{answer_for_judge, limit_repetitions};
use serde_json::Value;

use crate::data::shared;

#[test]
fn messages_are_cleaned_up_as_recorded() {
    let Some(golden) = shared("golden") else { return };
    let lines = fs::read_to_string(golden.join("evals/text_cleanup.jsonl")).unwrap();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let input = record["input"].as_str().unwrap();
        let output = match record["kind"].as_str() {
            Some("limit_repetitions") => limit_repetitions(input),
            Some("message_to_answer") => answer_for_judge(input),
            kind => panic!("{kind:?}"),
        };
        assert_eq!(output, record["output"], "{}", record["record_id"]);
    }
}
