//! What is common to the recorded judgings.

use std::fs;
use std::path::Path;

use ptb_core::definitions::{Catalog, JudgeSettings, JudgeWording, TokenPrices};
use ptb_eval::data::{DataStore, Item, Source};
use ptb_eval::endpoint;
use ptb_eval::evaluation::{ModelIdentity, Plan, PlanRequest};
use ptb_eval::prompt::load_pack;
use ptb_eval::scorer::answer_for_judge;
use serde_json::{Value, json};

use crate::chat_server::Act;
use crate::data::{embedded, shared};
use crate::endpoint::{ask, serve, settings as endpoint_settings};

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

/// The evaluation of a benchmark with the recorded wordings, and what its judge is told.
pub fn recorded_plan(name: &str) -> Option<(Plan, JudgeWording)> {
    let (golden, mirror) = (shared("golden")?, shared("data")?);
    let pack = load_pack(golden.join("prompt_pack.json").to_str().unwrap(), &Catalog::embedded().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (store, benchmark) = (DataStore::at(folder.path()), embedded(name));
    store.fetch([&benchmark], Source::Mirror(&mirror), &mut |_| {}).unwrap();
    let model = ModelIdentity { name: "qwen-mock".to_owned(), hash: "model".to_owned() };
    let request = PlanRequest {
        benchmark: &benchmark,
        wording: &pack.prompts[name],
        model: &model,
        seeds: &[1],
        limit: None,
        max_tokens: None,
    };
    Some((Plan::load(&store, &request).unwrap(), pack.prompts[name].judge.clone().unwrap()))
}

/// The item with this id.
pub fn item<'a>(plan: &'a Plan, id: &Value) -> &'a Item {
    plan.items().iter().find(|item| *id == item.id).unwrap()
}

/// The judge's settings in the definition.
pub fn defined(plan: &Plan) -> &JudgeSettings {
    plan.benchmark().judge.as_ref().unwrap()
}

/// Items come in the recorded order, and the model is asked as recorded.
pub fn assert_requests_to_the_model(plan: &Plan, records: &Records, order: &Value) {
    let ids: Vec<_> = plan.items().iter().map(|item| item.id.as_str()).collect();
    assert_eq!(json!(ids), *order);
    let requests: Vec<_> = (0..ids.len())
        .map(|index| endpoint::request_body("qwen-mock", &plan.request(index, plan.max_tokens(), 1), false))
        .collect();
    for record in records.of("generation_request") {
        assert!(requests.contains(&record["request"]), "{record}");
    }
}

/// A server that never answers the model's request properly leaves the sample without an answer, and not with a score.
pub fn assert_failures(records: &Records) {
    for record in records.of("generation_failure") {
        let act: fn() -> Act = match record["reply"].as_str().unwrap() {
            "no_choices" | "empty_choices" => || Act::json(200, &json!({"choices": []})),
            "not_json_body" => || Act::Reply(200, "", b"not json".to_vec()),
            "http_400_always" => || Act::json(400, &json!({"error": "no"})),
            "http_500_always" => || Act::json(500, &json!({"error": "no"})),
            // The reference's process ends at these; for an engine they are an empty answer, which a judge can see.
            "content_null" | "no_content_key" => continue,
            name => panic!("the record names a reply that this test does not know: {name}"),
        };
        let server = serve(move |_| act());
        let (answers, end) = ask(endpoint_settings(&server.url), 1);
        assert!(answers.values().all(Result::is_err) && (end.is_err() || answers.len() == 1), "{record}: {answers:?}");
    }
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
