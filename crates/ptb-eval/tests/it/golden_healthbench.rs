//! The recorded gradings of HealthBench-Easy.

use std::collections::BTreeMap;

use ptb_eval::data::{Criterion, Reference};
use ptb_eval::judge::{
    Attempts, Next, RatedAnswer, RetryRule, RubricPoints, RubricReply, RubricWording, Trouble, clipped_mean,
    clipped_mean_with_bootstrap_error, request_body, rubric_parts,
};
use serde_json::{Value, json};

use crate::data::shared;
use crate::golden_judges::{
    Records, assert_answers, assert_failures, assert_requests_to_the_model, defined, item, number, recorded_plan,
};

const KINDS: [&str; 11] = [
    "order",
    "parse_reply",
    "criterion",
    "example_small",
    "judge_request",
    "example",
    "aggregate",
    "bootstrap",
    "generation_request",
    "generation",
    "generation_failure",
];

fn records() -> Option<Records> {
    Some(Records::read(&shared("golden")?.join("evals/judge_healthbench.jsonl")))
}

#[test]
fn no_kind_of_record_is_passed_over() {
    let Some(records) = records() else { return };
    records.assert_kinds(&KINDS);
}

#[test]
fn the_model_is_asked_as_recorded() {
    let (Some(records), Some((plan, _))) = (records(), recorded_plan("healthbench")) else { return };
    assert_requests_to_the_model(&plan, &records, &records.of("order")[0]["example_ids"]);
    assert_failures(&records);
}

#[test]
fn replies_are_read_as_recorded() {
    let Some(records) = records() else { return };
    for record in records.of("parse_reply") {
        let read = RubricReply::read(record["text"].as_str().unwrap());
        assert_eq!(json!(read.as_ref().ok().map(|reply| reply.met)), record["criteria_met"], "{record}");
        if let Err(trouble) = read {
            let waits = record["waits_before_retry"].as_bool();
            assert_eq!(Some(trouble == Trouble::Unreadable), waits, "{record}");
        }
    }
}

/// The reply that a record names.
fn reply(name: &str) -> Result<RubricReply, Trouble> {
    let text = match name {
        "true" => r#"{"explanation": "e", "criteria_met": true}"#,
        "false" => r#"{"explanation": "e", "criteria_met": false}"#,
        "fenced_true" => "```json\n{\"explanation\": \"e\", \"criteria_met\": true}\n```",
        "fenced_false" => "```json\n{\"explanation\": \"e\", \"criteria_met\": false}\n```",
        "fenced_no_tag" => "```\n{\"explanation\": \"e\", \"criteria_met\": true}\n```",
        "true_no_explanation" => r#"{"criteria_met": true}"#,
        "string_true" => r#"{"explanation": "e", "criteria_met": "true"}"#,
        "missing_key" => r#"{"explanation": "e"}"#,
        "json_null" => "null",
        "not_json" => "not json",
        "length" => "",
        "content_null" | "no_choices" | "refusal" => return Err(Trouble::Unreadable),
        "http_400" => return Err(Trouble::Refused),
        _ if name.starts_with("http_") => return Err(Trouble::Unanswered),
        _ => panic!("the record names a reply that this test does not know: {name}"),
    };
    RubricReply::read(text)
}

/// What asking with scripted replies comes to: requests, pauses between attempts, retries, the reply.
fn ask(script: &[Value]) -> (usize, Vec<u64>, usize, Option<RubricReply>) {
    let mut attempts = Attempts::new(RetryRule::rubric(5));
    let (mut pauses, mut retries) = (Vec::new(), 0);
    for (index, name) in script.iter().enumerate() {
        let trouble = match reply(name.as_str().unwrap()) {
            Ok(reply) => return (index + 1, pauses, retries, Some(reply)),
            Err(trouble) => trouble,
        };
        match attempts.next(trouble) {
            Next::AtOnce => {}
            Next::After(pause) => pauses.push(pause.as_secs()),
            Next::BackingOff(_) => retries += 1,
            Next::GiveUp => return (index + 1, pauses, retries, None),
        }
    }
    panic!("the script ends too early: {script:?}")
}

#[test]
fn criteria_are_asked_about_as_often_as_recorded() {
    let Some(records) = records() else { return };
    for record in records.of("criterion") {
        let (requests, pauses, retries, reply) = ask(record["replies"].as_array().unwrap());
        let counts = (json!(requests), json!(pauses), json!(retries));
        let expected = (record["n_requests"].clone(), record["own_waits"].clone(), record["client_waits"].clone());
        assert_eq!(counts, expected, "{record}");
        let result = &record["result"];
        assert_eq!(reply.is_none(), result["raised"].is_string(), "{record}");
        if let Some(reply) = reply {
            let points = if reply.met { number(&record["points"]) } else { 0.0 };
            assert_eq!(json!((reply.met, reply.explanation)), json!((&result["criteria_met"], &result["explanation"])));
            assert!((points - number(&result["weighted_score"])).abs() < f64::EPSILON, "{record}");
        }
    }
}

fn criteria(points: &Value, axes: Option<&Value>) -> Vec<Criterion> {
    let tag = |place: usize| axes.map(|axes| format!("axis:{}", axes[place].as_str().unwrap()));
    let points = points.as_array().unwrap().iter().enumerate();
    points
        .map(|(place, points)| Criterion {
            criterion: String::new(),
            points: number(points),
            tags: tag(place).into_iter().collect(),
        })
        .collect()
}

fn assert_points(record: &Value, result: &Value, met: &[bool]) {
    let points = RubricPoints::of(&criteria(&record["points"], None), met);
    let counted = [points.achieved, points.possible, points.score()].map(f64::to_bits);
    let recorded =
        ["total_score", "max_possible_score", "normalized_score"].map(|name| number(&result[name]).to_bits());
    assert_eq!(counted, recorded, "{record}");
}

#[test]
fn points_are_the_recorded_ones() {
    let Some(records) = records() else { return };
    for record in records.of("example") {
        let met: Vec<bool> = record["criteria_met"].as_str().unwrap().chars().map(|met| met == '1').collect();
        assert_points(record, record, &met);
    }
    for record in records.of("example_small") {
        // The reference's evaluation runs with 8 workers, where an exception of one criterion counts as not met; with a
        // single one it ends there.
        let replies: Vec<_> =
            record["answers"].as_object().unwrap().values().map(|name| reply(name.as_str().unwrap())).collect();
        let result = &record["result"];
        if result["raised"].is_string() {
            assert!(record["criteria_workers"] == 1 && replies.iter().any(Result::is_err), "{record}");
            continue;
        }
        let met: Vec<bool> = replies.iter().map(|reply| reply.as_ref().is_ok_and(|reply| reply.met)).collect();
        assert_points(record, result, &met);
    }
}

#[test]
fn metrics_of_whole_runs_are_the_recorded_ones() {
    let Some(records) = records() else { return };
    let mut compared = 0;
    for record in records.of("aggregate") {
        let metrics = &record["metrics"];
        let examples = records.of_run("example", &record["policy"]);
        if json!(examples.len()) != metrics["n_examples"] {
            continue;
        }
        compared += 1;
        let criteria: Vec<_> =
            examples.iter().map(|example| criteria(&example["points"], Some(&example["axes"]))).collect();
        let rated: Vec<_> = examples
            .iter()
            .zip(&criteria)
            .map(|(example, criteria)| RatedAnswer {
                score: number(&example["normalized_score"]),
                theme: example["theme"].as_str().unwrap(),
                criteria,
                met: example["criteria_met"].as_str().unwrap().chars().map(|met| met == '1').collect(),
            })
            .collect();
        let scores: Vec<_> = rated.iter().map(|answer| answer.score).collect();
        let estimate = clipped_mean_with_bootstrap_error(&scores).unwrap();
        assert_eq!(json!(estimate.value), metrics["accuracy"], "{}", record["policy"]);
        assert_eq!(json!(estimate.standard_error), metrics["stderr"], "{}", record["policy"]);
        assert_eq!(json!(criteria.iter().map(Vec::len).sum::<usize>()), metrics["total_grader_calls"]);
        let part = |(name, value): (&String, &Value), prefix: &str| (format!("{prefix}:{name}"), number(value));
        let themes = metrics["by_theme"].as_object().unwrap().iter().map(|entry| part(entry, "theme"));
        let axes = metrics["by_axis"].as_object().unwrap().iter().map(|entry| part(entry, "axis"));
        assert_eq!(rubric_parts(&rated), themes.chain(axes).collect::<BTreeMap<_, _>>(), "{}", record["policy"]);
    }
    assert!(compared > 0, "no run has all its examples");
}

#[test]
fn bootstrap_errors_are_the_recorded_ones() {
    let Some(records) = records() else { return };
    for record in records.of("bootstrap") {
        let scores: Vec<f64> = serde_json::from_value(record["scores"].clone()).unwrap();
        let estimate = clipped_mean_with_bootstrap_error(&scores).unwrap();
        assert_eq!(json!(estimate.standard_error), record["stderr"], "{}", record["record_id"]);
        assert_eq!(json!(clipped_mean(&scores)), record["accuracy"], "{}", record["record_id"]);
    }
}

#[test]
fn requests_to_the_judge_equal_the_recorded_ones() {
    let (Some(records), Some((plan, wording))) = (records(), recorded_plan("healthbench")) else { return };
    let wording = RubricWording::new(wording).unwrap();
    for record in records.of("judge_request") {
        let item = item(&plan, &record["example_id"]);
        let Reference::Rubric(criteria) = &item.reference else { panic!("{item:?}") };
        let criterion = &criteria[record["criterion_index"].as_u64().unwrap() as usize];
        let messages = wording.messages(item, record["model_response"].as_str().unwrap(), criterion);
        assert_eq!(request_body(defined(&plan), &messages), record["request"], "{}", record["record_id"]);
    }
}

#[test]
fn themes_and_criteria_of_the_data_are_the_recorded_ones() {
    let (Some(records), Some((plan, _))) = (records(), recorded_plan("healthbench")) else { return };
    for record in records.of("example") {
        let item = item(&plan, &record["example_id"]);
        let rated = RatedAnswer::new(item, 0.0, &[]);
        assert_eq!(rated.theme, record["theme"], "{record}");
        let points: Vec<f64> = rated.criteria.iter().map(|criterion| criterion.points).collect();
        assert_eq!(points, record["points"].as_array().unwrap().iter().map(number).collect::<Vec<_>>(), "{record}");
        let axes = record["axes"].as_array().unwrap().iter().map(|axis| format!("axis:{}", axis.as_str().unwrap()));
        assert!(rated.criteria.iter().zip(axes).all(|(criterion, axis)| criterion.tags.contains(&axis)), "{record}");
    }
}

#[test]
fn judges_see_the_recorded_answers() {
    let Some(records) = records() else { return };
    assert_answers(&records);
}
