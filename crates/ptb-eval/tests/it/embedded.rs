//! Evaluations on the embedded engine with a tiny model of random weights.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use ptb_core::definitions::{Family, SamplingOverrides};
use ptb_engine::generate::Limits;
use ptb_eval::embedded::EmbeddedEngine;
use ptb_eval::engine::{ChatRequest, Completion, Engine, EngineError, StopReason};
use ptb_eval::evaluation::evaluate;
use ptb_eval::prompt::{ChatMessage, Role};

use crate::evaluation::{items, log_of, plan};

const SAMPLING: &str = r#"{"eos_token_id": [258, 256], "do_sample": true, "temperature": 1.5}"#;
const GREEDY: &str = r#"{"eos_token_id": [258, 256], "do_sample": false}"#;

/// The tiny model with this `generation_config.json`.
fn tiny(generation: &str) -> tempfile::TempDir {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ptb-engine/tests/golden/tied");
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(source.join(name), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("generation_config.json"), generation).unwrap();
    folder
}

fn engine(generation: &str, limits: Limits) -> EmbeddedEngine {
    EmbeddedEngine::load(tiny(generation).path(), Family::Qwen3, limits).unwrap()
}

fn request(question: &str, max_tokens: u32, seed: u64) -> ChatRequest {
    let messages = vec![ChatMessage { role: Role::User, content: question.to_owned() }];
    ChatRequest { messages, tools: Vec::new(), max_tokens, seed, sampling: SamplingOverrides::default() }
}

type Answer = Result<Completion, EngineError>;

fn answers(engine: &EmbeddedEngine, requests: Vec<ChatRequest>) -> Vec<Option<Answer>> {
    let mut answers = vec![None; requests.len()];
    engine
        .generate(requests, &mut |index, answer| {
            answers[index] = Some(answer);
            ControlFlow::Continue(())
        })
        .unwrap();
    answers
}

#[test]
fn an_evaluation_runs_on_real_weights_and_repeats() {
    let plan = plan(items(6), |request| request.max_tokens = Some(12)).unwrap();
    let completions = |limits| {
        let folder = tempfile::tempdir().unwrap();
        let metrics = evaluate(&plan, &engine(SAMPLING, limits), None, folder.path(), &mut |_| {}).unwrap();
        assert_eq!((metrics.greedy, metrics.seeds.len(), metrics.seeds[0].scored), (false, 2, 6));
        let log = log_of(folder.path(), 11);
        log["samples"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sample| sample["output"]["completion"].clone())
            .collect::<Vec<_>>()
    };
    let alone = completions(Limits { max_batch: 1, ..Limits::default() });
    assert_eq!(alone, completions(Limits::default()), "the batch does not matter");
}

#[test]
fn generation_config_decides_the_sampling() {
    let same_question = || (0..4).map(|seed| request("1", 12, seed)).collect();
    let greedy = engine(GREEDY, Limits::default());
    assert!(greedy.is_greedy());
    assert!(answers(&greedy, same_question()).windows(2).all(|pair| pair[0] == pair[1]));
    let sampling = engine(SAMPLING, Limits::default());
    assert!(!sampling.is_greedy());
    assert!(answers(&sampling, same_question()).windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn a_benchmark_may_override_the_sampling() {
    let same_question = || (0..4).map(|seed| request("1", 12, seed)).collect();
    let cold = SamplingOverrides { temperature: Some(0.0), ..SamplingOverrides::default() };
    let greedy = engine(SAMPLING, Limits::default()).overridden(&cold).unwrap();
    assert!(greedy.is_greedy());
    assert!(answers(&greedy, same_question()).windows(2).all(|pair| pair[0] == pair[1]));
    let impossible = SamplingOverrides { top_p: Some(7.0), ..SamplingOverrides::default() };
    let error = engine(SAMPLING, Limits::default()).overridden(&impossible).unwrap_err().to_string();
    assert!(error.contains("top_p"), "{error}");
}

#[test]
fn the_model_may_ask_for_shorter_answers_only() {
    let tokens = |generation, max_tokens| {
        let answers = answers(&engine(generation, Limits::default()), vec![request("1", max_tokens, 1)]);
        answers[0].clone().unwrap().unwrap().output_tokens
    };
    let short = r#"{"eos_token_id": [], "do_sample": false, "max_new_tokens": 3}"#;
    let endless = r#"{"eos_token_id": [], "do_sample": false, "max_new_tokens": 100000}"#;
    assert_eq!((tokens(short, 9), tokens(endless, 9)), (3, 9));
}

#[test]
fn a_prompt_that_fills_the_context_gets_an_empty_answer() {
    let engine = engine(GREEDY, Limits::default());
    let answers = answers(&engine, vec![request(&"long ".repeat(100), 5, 1), request("1", 5, 1)]);
    let too_long = answers[0].clone().unwrap().unwrap();
    assert_eq!((too_long.stop_reason, too_long.text.as_str()), (StopReason::ModelLength, ""));
    assert!(too_long.input_tokens > 128);
    assert!(answers[1].clone().unwrap().unwrap().output_tokens > 0);
}

#[test]
fn too_little_memory_is_a_failure_of_the_engine() {
    let engine = engine(GREEDY, Limits { cache_bytes: 1, ..Limits::default() });
    let answers = answers(&engine, vec![request("1", 5, 1)]);
    assert!(matches!(answers[0], Some(Err(EngineError::Failed(_)))), "{answers:?}");
}

#[test]
fn impossible_sampling_is_refused_at_the_start() {
    let bad = r#"{"do_sample": true, "top_p": 7.0}"#;
    let error = EmbeddedEngine::load(tiny(bad).path(), Family::Qwen3, Limits::default()).unwrap_err();
    assert!(error.to_string().contains("top_p"), "{error}");
}
