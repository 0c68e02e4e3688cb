//! The recorded renderings of all chat templates.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::path::Path;

use ptb_engine::template::{ChatTemplate, Template, render_line};
use serde_json::Value;

/// The recorded lines, where they are there.
fn records() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/evals/templates.jsonl");
    let records = std::fs::read_to_string(&path).ok();
    if records.is_none() {
        eprintln!("skipped: there is no {}", path.display());
    }
    records
}

#[test]
fn recorded_conversations_are_rendered_or_refused_exactly() {
    let Some(records) = records() else { return };
    let mut templates = BTreeMap::new();
    let (mut counts, mut wrong) = (BTreeMap::<String, u32>::new(), Vec::new());
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let family = record["family"].as_str().unwrap().to_owned();
        let template = templates
            .entry(family.clone())
            .or_insert_with(|| ChatTemplate::only(family.parse::<Template>().unwrap()).unwrap());
        let rendered = render_line(template, line.as_bytes());
        assert!(!rendered.malformed, "{line}");
        let given: Value = serde_json::from_str(&rendered.json).unwrap();
        let id = &record["record_id"];
        assert_eq!(given["record_id"], *id);
        for name in ["rendered", "error"] {
            if given[name] != record[name] {
                wrong.push(format!("{id} {}: {name} is {}, not {}", record["kind"], given[name], record[name]));
            }
        }
        *counts.entry(family).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{} of {counts:?} are wrong, the first: {}", wrong.len(), wrong[0]);
    assert!(counts.len() == 4 && counts.values().all(|count| *count > 100), "{counts:?}");
}
