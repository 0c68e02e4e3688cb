//! Evaluations with a scripted engine.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::LazyLock;

use ptb_core::definitions::PromptWording;
use ptb_core::evaluation::Metrics;
use ptb_core::seed::{FINAL_SEEDS, derive};
use ptb_eval::data::Item;
use ptb_eval::engine::{ChatRequest, Completion, Engine, EngineError, StopReason};
use ptb_eval::evaluation::{
    EvaluationError, EvaluationReport, ModelIdentity, Plan, PlanError, PlanRequest, Progress, evaluate,
};
use serde_json::Value;

use crate::data::embedded;
use crate::scripted_engine::{ScriptedEngine, Trouble, right_for_even_seeds, says};

const SEEDS: [u64; 2] = [11, 12];

static OTHER_MODEL: LazyLock<ModelIdentity> = LazyLock::new(|| model("other"));

pub fn items(count: usize) -> Vec<Item> {
    let item = |number: usize| Item {
        id: format!("test/{number}"),
        question: number.to_string(),
        answer: format!("#### {number}"),
        target: number.to_string(),
        ..Item::default()
    };
    (0..count).map(item).collect()
}

pub fn plan(items: Vec<Item>, change: impl FnOnce(&mut PlanRequest<'_>)) -> Result<Plan, PlanError> {
    let (mut benchmark, model) = (embedded("micro-math"), model("model"));
    benchmark.max_tokens = vec![64, 32, 16];
    let wording = PromptWording { user: "{question}".to_owned(), ..PromptWording::default() };
    let mut request = PlanRequest {
        benchmark: &benchmark,
        wording: &wording,
        model: &model,
        seeds: &SEEDS,
        limit: None,
        max_tokens: None,
    };
    change(&mut request);
    Plan::new(&request, items, &[])
}

fn model(hash: &str) -> ModelIdentity {
    ModelIdentity { name: "tiny".to_owned(), hash: hash.to_owned() }
}

fn run(plan: &Plan, engine: &dyn Engine, folder: &Path) -> Result<Metrics, EvaluationError> {
    evaluate(plan, engine, None, folder, &mut |_| {})
}

pub fn log_of(folder: &Path, seed: u64) -> Value {
    serde_json::from_slice(&fs::read(folder.join(format!("{seed}/log.json"))).unwrap()).unwrap()
}

/// The document without what is a time.
fn timeless(mut log: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for time in ["created", "started_at", "completed_at"] {
                    fields.remove(time);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut log);
    log
}

#[test]
fn scores_become_metrics_and_logs() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(items(4), |_| {}).unwrap();
    let answers = |request: &ChatRequest| {
        let question = request.messages[0].content.as_str();
        Ok(says(if question == "3" { "no idea".to_owned() } else { format!("ANSWER: {question}") }))
    };
    let metrics = run(&plan, &ScriptedEngine::new(answers), folder.path()).unwrap();
    assert!((metrics.mean.value - 0.75).abs() < 1e-12 && (metrics.mean.standard_error.unwrap() - 0.25).abs() < 1e-12);
    assert_eq!((metrics.seeds.len(), metrics.seeds[0].scored, metrics.seeds[0].input_tokens), (2, 4, 40));
    let log = log_of(folder.path(), SEEDS[0]);
    assert_eq!((log["status"].as_str(), log["version"].as_u64()), (Some("success"), Some(2)));
    assert_eq!(log["results"]["scores"][0]["metrics"]["accuracy"]["value"], 0.75);
    assert_eq!(log["samples"][3]["scores"]["numeric"]["value"], "I");
    assert_eq!(log["samples"][1]["scores"]["numeric"]["answer"], "1");
    let report = serde_json::to_value(EvaluationReport::of(&metrics)).unwrap();
    assert_eq!((report["accuracy"].as_f64(), report["scored"].as_u64()), (Some(0.75), Some(8)));
}

#[test]
fn every_sample_and_seed_has_its_own_request_seed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(right_for_even_seeds);
    run(&plan(items(20), |_| {}).unwrap(), &engine, folder.path()).unwrap();
    let seeds: HashSet<_> = engine.requests.borrow().iter().map(|request| request.seed).collect();
    assert_eq!(seeds.len(), 40);
    assert!(seeds.contains(&derive(SEEDS[1], "test/7", 1, 0)));
}

#[test]
fn greedy_decoding_needs_one_seed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(right_for_even_seeds).greedy();
    let metrics =
        run(&plan(items(3), |request| request.seeds = &FINAL_SEEDS).unwrap(), &engine, folder.path()).unwrap();
    assert!(metrics.greedy);
    assert_eq!(metrics.seeds.iter().map(|seed| seed.seed).collect::<Vec<_>>(), [FINAL_SEEDS[0]]);
    assert_eq!(engine.requests.borrow().len(), 3);
}

#[test]
fn limits_take_the_first_items() {
    let asked = |limit| plan(items(5), |request| request.limit = limit).map(|plan| plan.items().len());
    assert_eq!(asked(Some(2)).unwrap(), 2);
    assert_eq!(asked(Some(50)).unwrap(), 5);
    assert!(matches!(asked(Some(0)).unwrap_err(), PlanError::ZeroLimit));
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    let error = |items, change: fn(&mut PlanRequest<'_>)| plan(items, change).unwrap_err().to_string();
    assert!(error(items(0), |_| {}).contains("no items"));
    assert!(error(items(1), |request| request.seeds = &[]).contains("at least one seed"));
    assert!(error(items(1), |request| request.seeds = &[3, 3]).contains("twice"));
    assert!(error(items(1), |request| request.max_tokens = Some(0)).contains("max_tokens"));
    assert!(error([items(2), items(1)].concat(), |_| {}).contains("\"test/0\" occurs twice"));
    let mut odd = items(1);
    "N/A".clone_into(&mut odd[0].target);
    assert!(error(odd, |_| {}).contains("\"N/A\" of test/0"));
}

/// The logs of an evaluation that has a trouble after `count` answers and is started again.
fn disturbed(count: usize, trouble: Trouble) -> (Vec<Value>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(items(10), |_| {}).unwrap();
    let engine = ScriptedEngine::new(right_for_even_seeds).with_trouble_after(count, trouble);
    let first = catch_unwind(AssertUnwindSafe(|| run(&plan, &engine, folder.path())));
    if first.is_err() {
        assert_eq!(log_of(folder.path(), SEEDS[0])["status"], "started");
        run(&plan, &engine, folder.path()).unwrap();
    }
    let requests = engine.requests.borrow().len();
    (SEEDS.map(|seed| timeless(log_of(folder.path(), seed))).to_vec(), requests)
}

#[test]
fn a_resumed_evaluation_ends_with_the_log_of_an_undisturbed_one() {
    let (undisturbed, requests) = disturbed(usize::MAX, Trouble::Error);
    assert_eq!(requests, 20);
    for trouble in [Trouble::Error, Trouble::Silence, Trouble::Panic] {
        for count in [0, 1, 6, 9] {
            let (logs, requests) = disturbed(count, trouble);
            assert_eq!(logs, undisturbed);
            assert_eq!(requests, 30 - count, "answered samples are not asked again");
        }
    }
}

#[test]
fn a_finished_evaluation_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(items(4), |_| {}).unwrap();
    let first = run(&plan, &ScriptedEngine::new(right_for_even_seeds), folder.path()).unwrap();
    let silent = ScriptedEngine::new(|_: &ChatRequest| panic!("asked again"));
    let second = run(&plan, &silent, folder.path()).unwrap();
    assert_eq!(first.mean, second.mean);
    assert_eq!(log_of(folder.path(), SEEDS[0])["stats"]["completed_at"], {
        run(&plan, &silent, folder.path()).unwrap();
        log_of(folder.path(), SEEDS[0])["stats"]["completed_at"].clone()
    });
}

#[test]
fn another_model_or_wording_shares_no_samples() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(right_for_even_seeds);
    run(&plan(items(4), |_| {}).unwrap(), &engine, folder.path()).unwrap();
    run(&plan(items(4), |request| request.model = &OTHER_MODEL).unwrap(), &engine, folder.path()).unwrap();
    assert_eq!(engine.requests.borrow().len(), 16);
}

#[test]
fn a_sample_that_fails_is_counted_not_scored_and_asked_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(items(4), |_| {}).unwrap();
    let fails = |request: &ChatRequest| match request.messages[0].content.as_str() {
        "2" => Err(EngineError::Request("no".to_owned())),
        question => Ok(says(format!("ANSWER: {question}"))),
    };
    let metrics = run(&plan, &ScriptedEngine::new(fails), folder.path()).unwrap();
    assert_eq!((metrics.seeds[0].scored, metrics.seeds[0].errors), (3, 1));
    assert!((metrics.mean.value - 1.0).abs() < 1e-12);
    let log = log_of(folder.path(), SEEDS[0]);
    assert_eq!(
        (log["status"].as_str(), log["results"]["scores"][0]["unscored_samples"].as_u64()),
        (Some("error"), Some(1))
    );
    assert_eq!(log["error"]["message"], "1 of 4 samples have no score");
    assert!(log["samples"][2]["error"]["message"].as_str().unwrap().contains("no"));

    let healthy = ScriptedEngine::new(right_for_even_seeds);
    let metrics = run(&plan, &healthy, folder.path()).unwrap();
    assert_eq!(healthy.requests.borrow().len(), 2, "only the failed sample of each seed");
    assert_eq!(metrics.seeds[0].errors, 0);
}

#[test]
fn an_evaluation_without_any_score_has_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(|_: &ChatRequest| Err(EngineError::Request("no key".to_owned())));
    let error = run(&plan(items(3), |_| {}).unwrap(), &engine, folder.path()).unwrap_err();
    assert!(matches!(error, EvaluationError::NothingScored { samples: 3, .. }), "{error}");
    assert!(error.to_string().contains("no key"));
    assert_eq!(log_of(folder.path(), SEEDS[0])["status"], "error");
}

#[test]
fn a_failing_engine_is_tried_with_less_and_less() {
    let folder = tempfile::tempdir().unwrap();
    let out_of_memory = |request: &ChatRequest| match request.max_tokens {
        33.. => Err(EngineError::Failed("out of memory".to_owned())),
        _ => right_for_even_seeds(request),
    };
    let mut failures = Vec::new();
    let metrics = evaluate(
        &plan(items(2), |_| {}).unwrap(),
        &ScriptedEngine::new(out_of_memory),
        None,
        folder.path(),
        &mut |progress| {
            if let Progress::AttemptFailed { max_tokens, .. } = progress {
                failures.push(max_tokens);
            }
        },
    );
    assert_eq!(metrics.unwrap().provenance.max_tokens, 32);
    assert_eq!(failures, [64; 4]);
}

#[test]
fn an_engine_that_always_fails_ends_after_nine_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(|_: &ChatRequest| Err(EngineError::Failed("no GPU".to_owned())));
    let error = run(&plan(items(2), |_| {}).unwrap(), &engine, folder.path()).unwrap_err();
    assert!(matches!(error, EvaluationError::Exhausted { attempts: 9, max_tokens: 16, .. }), "{error}");
    assert!(error.to_string().contains("no GPU"));
    let limits: Vec<_> = engine.requests.borrow().iter().map(|request| request.max_tokens).collect();
    assert_eq!(limits.iter().filter(|limit| **limit == 16).count(), 4, "two attempts with two requests each");
}

#[test]
fn hostile_answers_are_kept_as_they_are_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = |_: &ChatRequest| -> Result<Completion, EngineError> {
        let text = format!("\u{0}\u{1b}[2J</script>\u{202e}\n\"\\{}", "x".repeat(3 << 20));
        Ok(Completion { stop_reason: StopReason::MaxTokens, ..says(text) })
    };
    let metrics = run(&plan(items(1), |_| {}).unwrap(), &ScriptedEngine::new(hostile), folder.path()).unwrap();
    assert_eq!((metrics.seeds[0].truncated, metrics.mean.value), (1, 0.0));
    let raw = fs::read_to_string(folder.path().join(format!("{}/log.json", SEEDS[0]))).unwrap();
    assert!(!raw.contains('\u{0}') && !raw.contains('\u{1b}'), "control characters are escaped");
    let log = log_of(folder.path(), SEEDS[0]);
    let completion = log["samples"][0]["output"]["completion"].as_str().unwrap();
    assert!(completion.starts_with("\u{0}\u{1b}[2J</script>") && completion.len() == 1 << 20);
}

#[test]
fn a_log_that_cannot_be_written_stops_the_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(SEEDS[0].to_string()), "in the way").unwrap();
    let engine = ScriptedEngine::new(right_for_even_seeds);
    let error = run(&plan(items(2), |_| {}).unwrap(), &engine, folder.path()).unwrap_err();
    assert!(matches!(error, EvaluationError::File(_)), "{error}");
    assert!(engine.requests.borrow().is_empty());
}
