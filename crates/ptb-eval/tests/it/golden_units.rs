//! The recorded results of single functions of the reference's scorers.

use std::fs;

use ptb_eval::scorer::compat::{choice_letter, completion_of_content, find_code, score_aime, score_numeric};
use serde_json::Value;

use crate::data::shared;

#[test]
fn functions_give_what_was_recorded() {
    let Some(golden) = shared("golden") else { return };
    let mut compared = 0;
    for line in fs::read_to_string(golden.join("evals/units.jsonl")).unwrap().lines() {
        // Records of other kinds hold lone surrogates, which serde_json does not read.
        let Ok(record) = serde_json::from_str::<Value>(line) else { continue };
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        let id = text("record_id");
        match text("kind") {
            "numeric_match" => match score_numeric(text("value"), text("target")) {
                Ok(recorded) => {
                    assert_eq!(recorded.answer, text("answer"), "{id}");
                    assert_eq!(recorded.is_right, record["matched"], "{id}");
                }
                Err(raised) => assert_eq!(raised.line(), text("error"), "{id}"),
            },
            "remove_boxed" => assert_eq!(score_aime(text("text"), "0").1, text("result"), "{id}"),
            "completion_of_content" => assert_eq!(completion_of_content(text("content")), text("completion"), "{id}"),
            "mcq_letter" => assert_eq!(choice_letter(text("text"), 4).unwrap_or_default(), text("letter"), "{id}"),
            "find_code" => assert_eq!(find_code(text("text")), text("code"), "{id}"),
            _ => continue,
        }
        compared += 1;
    }
    assert!(compared > 5000);
}
