//! The recorded judgings of Arena-Hard writing.

use ptb_eval::data::Reference;
use ptb_eval::judge::{
    Attempts, Game, Next, PairwiseWording, RetryRule, Trouble, mean_with_error, request_body, verdict_label,
    votes_of_games,
};
use serde_json::{Value, json};

use crate::data::shared;
use crate::golden_judges::{
    Records, assert_answers, assert_failures, assert_requests_to_the_model, defined, item, recorded_plan,
};

const KINDS: [&str; 10] = [
    "order",
    "verdict",
    "pair",
    "question",
    "aggregate",
    "judge_request",
    "metrics",
    "generation_request",
    "generation",
    "generation_failure",
];
const STRONG_WEIGHT: u32 = 3;
/// What the reference raises where no question of a run has two verdicts.
const NO_VOTES: &str = "KeyError: 'scores'";

fn records() -> Option<Records> {
    Some(Records::read(&shared("golden")?.join("evals/judge_arenahard.jsonl")))
}

#[test]
fn no_kind_of_record_is_passed_over() {
    let Some(records) = records() else { return };
    records.assert_kinds(&KINDS);
}

#[test]
fn the_model_is_asked_as_recorded() {
    let (Some(records), Some((plan, _))) = (records(), recorded_plan("arenahardwriting")) else { return };
    assert_requests_to_the_model(&plan, &records, &records.of("order")[0]["uids"]);
    assert_failures(&records);
}

#[test]
fn verdicts_are_read_as_recorded() {
    let Some(records) = records() else { return };
    for record in records.of("verdict") {
        match record["text"].as_str() {
            Some(text) => assert_eq!(json!(verdict_label(text)), record["label"], "{record}"),
            None => assert!(record["error"].is_string(), "{record}"),
        }
    }
    for record in records.of("question") {
        for (judgment, label) in [("judgment_ab", "score_ab"), ("judgment_ba", "score_ba")] {
            let read = record[judgment].as_str().and_then(verdict_label);
            assert_eq!(json!(read), record[label], "{record}");
        }
    }
}

/// The votes of a record's two games, or what the reference raises.
fn votes(record: &Value) -> Result<Option<Vec<f64>>, String> {
    let labels = [record["score_ab"].as_str(), record["score_ba"].as_str()];
    votes_of_games(labels, STRONG_WEIGHT).map_err(|error| error.to_string())
}

/// Metrics of all votes as a run's files have them, or what the reference raises.
fn metrics<'a>(records: impl IntoIterator<Item = &'a Value>) -> Result<Value, String> {
    let votes: Vec<_> = records.into_iter().map(votes).collect::<Result<_, _>>()?;
    let votes: Vec<f64> = votes.into_iter().flatten().flatten().collect();
    let estimate = mean_with_error(&votes).ok_or(NO_VOTES)?;
    Ok(json!({"accuracy": estimate.value, "stderr": estimate.standard_error}))
}

#[test]
fn pairs_of_games_give_the_recorded_votes() {
    let Some(records) = records() else { return };
    for record in records.of("pair") {
        match metrics([record]) {
            Ok(metrics) => {
                assert_eq!(metrics, record["metrics"], "{record}");
                assert_eq!(json!(votes(record).unwrap()), record["scores"], "{record}");
            }
            Err(raised) => assert_eq!(raised, record["process_raised"], "{record}"),
        }
    }
}

#[test]
fn metrics_of_whole_runs_are_the_recorded_ones() {
    let Some(records) = records() else { return };
    let mut compared = 0;
    for record in records.of("aggregate") {
        let questions = records.of_run("question", &record["policy"]);
        if json!(questions.len()) != record["generation_requests"] {
            continue;
        }
        compared += 1;
        match metrics(questions) {
            Ok(metrics) => assert_eq!(metrics, record["metrics"], "{record}"),
            Err(raised) => assert_eq!(raised, record["process_raised"], "{record}"),
        }
    }
    assert!(compared > 0, "no run has all its questions");
    for record in records.of("metrics") {
        let scores: Vec<f64> = serde_json::from_value(record["scores"].clone()).unwrap();
        let estimate = mean_with_error(&scores).unwrap();
        assert_eq!(json!(estimate.value), record["accuracy"], "{}", record["record_id"]);
        assert_eq!(json!(estimate.standard_error), record["stderr"], "{}", record["record_id"]);
    }
}

/// Requests and pauses while the server never answers.
fn asked_in_vain(trouble: Trouble) -> (u64, Vec<u64>) {
    let mut attempts = Attempts::new(RetryRule::pairwise(3));
    let (mut requests, mut pauses) = (1, Vec::new());
    loop {
        match attempts.next(trouble) {
            Next::GiveUp => return (requests, pauses),
            Next::After(pause) => pauses.push(pause.as_secs()),
            Next::AtOnce | Next::BackingOff(_) => {}
        }
        requests += 1;
    }
}

#[test]
fn the_judge_is_asked_as_often_as_recorded() {
    let Some(records) = records() else { return };
    let (most, pauses) = asked_in_vain(Trouble::Unanswered);
    for record in records.of("question") {
        for (place, judgment) in ["judgment_ab", "judgment_ba"].into_iter().enumerate() {
            let requests = record["judge_requests"][place].as_u64().unwrap();
            assert!(if record[judgment].is_null() { requests == most } else { requests <= most }, "{record}");
        }
    }
    // The reference also waits after its last attempt.
    for record in records.of("aggregate") {
        for pause in record["own_waits"].as_array().unwrap() {
            assert!(pauses.contains(&pause.as_u64().unwrap()) || pause == 20, "{record}");
        }
    }
}

#[test]
fn requests_to_the_judge_equal_the_recorded_ones() {
    let (Some(records), Some((plan, wording))) = (records(), recorded_plan("arenahardwriting")) else { return };
    let wording = PairwiseWording::new(wording).unwrap();
    for record in records.of("judge_request") {
        let item = item(&plan, &record["uid"]);
        let Reference::Baseline(baseline) = &item.reference else { panic!("{item:?}") };
        let game = if record["game"] == "baseline_is_A" { Game::BaselineFirst } else { Game::CandidateFirst };
        let (first, second) = game.in_order(baseline, record["candidate_answer"].as_str().unwrap());
        let messages = wording.messages(&item.question, first, second);
        let mut body = request_body(defined(&plan), &messages);
        if record["policy"] == "reasoning_effort_refused" && record["request"]["reasoning_effort"].is_null() {
            body.as_object_mut().unwrap().remove("reasoning_effort");
        }
        assert_eq!(body, record["request"], "{}", record["record_id"]);
    }
}

#[test]
fn judges_see_the_recorded_answers() {
    let Some(records) = records() else { return };
    assert_answers(&records);
}
