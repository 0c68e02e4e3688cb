//! The recorded requests of all benchmarks: with the recorded wordings, ours equal them field by field.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ptb_core::definitions::Catalog;
use ptb_eval::data::{DataStore, Item, Source};
use ptb_eval::endpoint::request_body;
use ptb_eval::evaluation::{ModelIdentity, Plan, PlanRequest};
use ptb_eval::prompt::load_pack;
use serde_json::Value;

use crate::data::{embedded, shared};

/// Everything that is asked of a benchmark with the recorded wordings; none where this machine lacks the records.
fn plan(name: &str) -> Option<(Plan, Vec<Value>)> {
    let (golden, mirror) = (shared("golden")?, shared("data")?);
    let (folder, benchmark) = (tempfile::tempdir().unwrap(), embedded(name));
    let store = DataStore::at(folder.path());
    store.fetch([&benchmark], Source::Mirror(&mirror), &mut |_| {}).unwrap();
    let pack = golden.join("prompt_pack.json");
    let pack = load_pack(&pack.display().to_string(), &Catalog::embedded().unwrap()).unwrap();
    let request = PlanRequest {
        benchmark: &benchmark,
        wording: &pack.prompts[name],
        model: &ModelIdentity { name: "qwen-mock".to_owned(), hash: String::new() },
        seeds: &[1],
        limit: None,
        max_tokens: None,
    };
    Some((Plan::load(&store, &request).unwrap(), records(&golden, name)))
}

fn records(golden: &Path, benchmark: &str) -> Vec<Value> {
    let file = match benchmark {
        "healthbench" => "judge_healthbench",
        "arenahardwriting" => "judge_arenahard",
        name => name,
    };
    let lines = fs::read_to_string(golden.join(format!("evals/{file}.jsonl"))).unwrap();
    let pack: Value = serde_json::from_slice(&fs::read(golden.join("prompt_pack.json")).unwrap()).unwrap();
    lines.lines().map(|line| resolved(parse(line), &pack)).collect()
}

/// A record. Half a character, which only a reply can have, becomes a replacement character.
fn parse(line: &str) -> Value {
    let whole = serde_json::from_str(line);
    whole.unwrap_or_else(|_| {
        let mut parts = line.split("\\ud");
        let first = parts.next().unwrap_or_default().to_owned();
        let line = parts.fold(first, |line, part| line + "\\ufffd" + &part[3..]);
        serde_json::from_str(&line).unwrap()
    })
}

/// A record with the texts that are stored once put into its messages.
fn resolved(mut record: Value, pack: &Value) -> Value {
    for message in record["request"]["messages"].as_array_mut().into_iter().flatten() {
        let message = message.as_object_mut().unwrap();
        if let Some(reference) = message.remove("content_ref") {
            let path = format!("/{}", reference.as_str().unwrap().replace('.', "/"));
            message.insert("content".to_owned(), pack.pointer(&path).unwrap().clone());
        }
    }
    record
}

fn body(plan: &Plan, index: usize) -> Value {
    request_body("qwen-mock", &plan.request(index, plan.max_tokens(), 7), false)
}

/// Compares every record of a benchmark; the item is found by the recorded sample id.
fn check(name: &str, also: impl Fn(&Item, &Value)) {
    let Some((plan, records)) = plan(name) else { return };
    let places: HashMap<_, _> =
        plan.items().iter().enumerate().map(|(index, item)| (item.id.as_str(), index)).collect();
    assert!(!records.is_empty());
    for record in &records {
        let index = places[record["sample_id"].as_str().unwrap()];
        let (ours, recorded) = (body(&plan, index), &record["request"]);
        assert_eq!(ours, *recorded, "{}", record["record_id"]);
        // Equality of objects does not see the order of keys, but a model does.
        assert_eq!(ours["tools"].to_string(), recorded["tools"].to_string(), "{}", record["record_id"]);
        let item = &plan.items()[index];
        assert_eq!(item.target, record["target"].as_str().unwrap(), "{}", record["record_id"]);
        also(item, record);
    }
}

#[test]
fn gsm8k_asks_as_recorded() {
    check("gsm8k", |_, _| {});
}

#[test]
fn aime_asks_as_recorded() {
    check("aime2025", |_, _| {});
}

#[test]
fn gpqa_asks_as_recorded() {
    check("gpqamain", |item, record| {
        assert_eq!(serde_json::to_value(item.reference.choices().unwrap()).unwrap(), record["choices"]);
    });
}

#[test]
fn humaneval_asks_as_recorded() {
    check("humaneval", |_, _| {});
}

#[test]
fn bfcl_asks_as_recorded() {
    check("bfcl", |item, record| {
        let ptb_eval::data::Reference::Call(call) = &item.reference else { panic!("no call") };
        assert_eq!(serde_json::to_value(call).unwrap(), record["target_obj"]);
    });
}

/// Judged benchmarks: the order of the items, and that every recorded request is one of ours.
fn check_judged(name: &str, ids: &str) {
    let Some((plan, records)) = plan(name) else { return };
    let order = records.iter().find(|record| record["kind"] == "order").unwrap();
    let ours: Vec<_> = plan.items().iter().map(|item| Value::from(item.id.as_str())).collect();
    assert_eq!(order[ids], Value::from(ours));
    let bodies: Vec<_> = (0..plan.items().len()).map(|index| body(&plan, index)).collect();
    let requests: Vec<_> = records.iter().filter(|record| record["kind"] == "generation_request").collect();
    assert!(!requests.is_empty());
    for record in requests {
        assert!(bodies.contains(&record["request"]), "{}", record["record_id"]);
    }
}

#[test]
fn healthbench_asks_as_recorded() {
    check_judged("healthbench", "example_ids");
}

#[test]
fn arena_hard_asks_as_recorded() {
    check_judged("arenahardwriting", "uids");
}

#[test]
fn choices_are_shuffled_as_recorded() {
    let Some(golden) = shared("golden") else { return };
    let records = fs::read_to_string(golden.join("evals/gpqa_shuffle.jsonl")).unwrap();
    for record in records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let seed = record["seed"].as_u64().unwrap();
        let item = |_| Item {
            reference: ptb_eval::data::Reference::Choices(["0", "1", "2", "3"].map(str::to_owned).to_vec()),
            ..Item::default()
        };
        let mut items: Vec<_> = (0..record["n"].as_u64().unwrap()).map(item).collect();
        let order = ptb_core::definitions::ChoiceOrder::PythonShuffle(seed);
        ptb_eval::data::show_choices(&mut items, order, ptb_core::definitions::MissingValues::Text);
        let orders: Vec<_> = items.iter().map(|item| Value::from(item.reference.choices().unwrap().concat())).collect();
        assert_eq!(record["orders"], Value::from(orders), "{}", record["record_id"]);
        let targets: String = items.iter().map(|item| item.target.as_str()).collect();
        assert_eq!(record["targets"], targets, "{}", record["record_id"]);
    }
}
