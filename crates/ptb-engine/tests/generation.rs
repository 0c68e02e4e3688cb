//! A request gives the same tokens alone and in any company, and ends as asked.

use std::path::Path;

use proptest::prelude::*;
use ptb_engine::checkpoint::{Checkpoint, GenerationConfig};
use ptb_engine::config::DecoderConfig;
use ptb_engine::decoder::{TensorMap, random_weights};
use ptb_engine::generate::{
    Completion, EventKind, FinishReason, GenerationError, GenerationRequest, Limits, Model, RequestError,
    SamplingParams, Scheduler, SequenceCache, generate,
};
use ptb_engine::template::{ChatTemplate, Family, Message, RenderOptions};
use serde_json::json;

const CONTEXT: usize = 96;

fn config() -> DecoderConfig {
    let file = json!({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 40, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12, "intermediate_size": 56, "vocab_size": 320,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": false,
        "initializer_range": 0.3, "eos_token_id": 258
    });
    DecoderConfig::from_json(file.to_string().as_bytes()).unwrap()
}

fn model_with(change: impl FnOnce(&mut TensorMap)) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tied");
    let tokenizer = Checkpoint::open(&folder).unwrap().tokenizer().clone();
    let template = ChatTemplate::for_family(Family::Qwen3).unwrap();
    let mut weights = random_weights(&config(), 11).unwrap();
    change(&mut weights);
    Model::new(&config(), weights, tokenizer, GenerationConfig::default(), template).unwrap()
}

fn model() -> Model {
    model_with(|_| ())
}

fn greedy(prompt: &[u32], tokens: usize) -> GenerationRequest {
    GenerationRequest {
        prompt: prompt.to_vec(),
        sampling: SamplingParams::default(),
        max_new_tokens: Some(tokens),
        stop: Vec::new(),
        seed: 0,
    }
}

fn alone(model: &Model, request: &GenerationRequest) -> Completion {
    generate(model, vec![request.clone()], Limits::default(), |_| ()).unwrap().remove(0).unwrap()
}

fn any_request() -> impl Strategy<Value = GenerationRequest> {
    let sampling = prop_oneof![
        Just(SamplingParams::default()),
        (0.3..2.0, 0_u32..40, 0.5..1.0, 0.0..0.2, 0.8..1.5).prop_map(
            |(temperature, top_k, top_p, min_p, repetition_penalty)| SamplingParams {
                temperature,
                top_k,
                top_p,
                min_p,
                repetition_penalty
            }
        )
    ];
    (prop::collection::vec(0_u32..266, 1..40), sampling, 1_usize..30, any::<u64>()).prop_map(
        |(prompt, sampling, tokens, seed)| GenerationRequest {
            prompt,
            sampling,
            max_new_tokens: Some(tokens),
            stop: Vec::new(),
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Requests join while others run, wait for places, and are fed in pieces of any size.
    #[test]
    fn company_never_changes_a_completion(
        requests in prop::collection::vec((any_request(), 0_usize..6), 2..16),
        max_batch in 1_usize..17,
        piece in 1_usize..50,
    ) {
        let model = model();
        let limits = Limits { max_batch, prompt_tokens_per_step: piece, ..Limits::default() };
        let mut scheduler = Scheduler::new(&model, limits);
        let mut completions = Vec::new();
        let mut drive = |scheduler: &mut Scheduler<'_>, steps: usize| {
            for _ in 0..steps {
                for event in if scheduler.is_idle() { Vec::new() } else { scheduler.step() } {
                    if let EventKind::Finished(completion) = event.kind {
                        completions.push((event.id, completion));
                    }
                }
            }
        };
        for (request, pause) in &requests {
            scheduler.submit(request.clone()).unwrap();
            drive(&mut scheduler, *pause);
        }
        drive(&mut scheduler, 2000);
        prop_assert!(scheduler.is_idle());
        completions.sort_by_key(|(id, _)| *id);
        prop_assert_eq!(completions.len(), requests.len());
        for ((_, completion), (request, _)) in completions.iter().zip(&requests) {
            prop_assert_eq!(completion, &alone(&model, request));
        }
    }
}

#[test]
fn seeds_decide_and_greedy_ignores_them() {
    let model = model();
    let sampling = SamplingParams { temperature: 1.0, ..SamplingParams::default() };
    let sampled =
        |seed| alone(&model, &GenerationRequest { sampling: sampling.clone(), seed, ..greedy(&[1, 2, 3], 20) });
    assert_eq!(sampled(1), sampled(1));
    assert_ne!(sampled(1).tokens, sampled(2).tokens);
    assert_eq!(
        alone(&model, &GenerationRequest { seed: 5, ..greedy(&[1, 2], 20) }),
        alone(&model, &greedy(&[1, 2], 20))
    );
}

#[test]
fn the_texts_of_the_events_are_the_text_of_the_completion() {
    let model = model();
    let mut text = String::new();
    let mut tokens = 0;
    let results = generate(&model, vec![greedy(&[7, 8, 9], 25)], Limits::default(), |event| {
        if let EventKind::Token { text: piece, .. } = &event.kind {
            text.push_str(piece);
            tokens += 1;
        }
    });
    let completion = results.unwrap().remove(0).unwrap();
    assert_eq!((text, tokens), (completion.text.clone(), completion.completion_tokens()));
    assert_eq!(completion.prompt_tokens, 3);
}

#[test]
fn a_completion_ends_at_the_ending_token_the_limit_or_the_end_of_the_context() {
    let limited = alone(&model(), &greedy(&[7, 8, 9], 5));
    assert_eq!((limited.finish_reason, limited.completion_tokens()), (FinishReason::Length, 5));

    let unlimited = GenerationRequest { max_new_tokens: None, ..greedy(&[7, 8, 9], 1) };
    let full = alone(&model(), &unlimited);
    assert_eq!((full.finish_reason, full.completion_tokens()), (FinishReason::Length, CONTEXT - 3));
}

#[test]
fn among_equal_logits_the_first_token_is_taken() {
    let model = model_with(|weights| {
        let nothing = weights["model.norm.weight"].zeros_like().unwrap();
        weights.insert("model.norm.weight".to_owned(), nothing);
    });
    assert_eq!(alone(&model, &greedy(&[7], 5)).tokens, [0; 5]);
}

#[test]
fn an_ending_token_is_counted_but_leaves_no_text() {
    let base = alone(&model(), &greedy(&[7, 8, 9], 12));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tied");
    let tokenizer = Checkpoint::open(&folder).unwrap().tokenizer().clone();
    let template = ChatTemplate::for_family(Family::Qwen3).unwrap();
    let ends_at = base.tokens[6];
    let first = base.tokens.iter().position(|&token| token == ends_at).unwrap();
    let generation = GenerationConfig::from_json(format!(r#"{{"eos_token_id": {ends_at}}}"#).as_bytes()).unwrap();
    let model = Model::new(&config(), random_weights(&config(), 11).unwrap(), tokenizer, generation, template).unwrap();
    let ended = alone(&model, &greedy(&[7, 8, 9], 12));
    assert_eq!(ended.finish_reason, FinishReason::Stop);
    assert_eq!(ended.tokens, base.tokens[..=first]);
    assert_eq!(ended.text, model.tokenizer().decode(&base.tokens[..first], true).unwrap());
}

#[test]
fn a_stop_text_ends_the_completion_before_itself() {
    let model = model();
    let base = alone(&model, &greedy(&[7, 8, 9], 30));
    let middle = base.text.char_indices().map(|(at, _)| at).nth(base.text.chars().count() / 2).unwrap();
    let stop: String = base.text[middle..].chars().take(2).collect();
    let stopped = alone(&model, &GenerationRequest { stop: vec![stop.clone()], ..greedy(&[7, 8, 9], 30) });
    assert_eq!(stopped.text, base.text.split(&stop).next().unwrap());
    assert_eq!(stopped.finish_reason, FinishReason::Stop);
    assert!(stopped.tokens.len() < base.tokens.len());
}

#[test]
fn requests_that_cannot_be_served_are_refused_with_the_reason() {
    let model = model();
    let refused = |request: GenerationRequest| generate(&model, vec![request], Limits::default(), |_| ()).unwrap_err();
    assert!(matches!(refused(greedy(&[], 1)), RequestError::EmptyPrompt));
    assert!(matches!(refused(greedy(&[1; CONTEXT], 1)), RequestError::PromptTooLong { length: CONTEXT, .. }));
    assert!(matches!(refused(greedy(&[320], 1)), RequestError::UnknownToken { token: 320, .. }));
    assert!(matches!(refused(greedy(&[1], 0)), RequestError::NoTokens));
    let stop = vec![String::new()];
    assert!(matches!(refused(GenerationRequest { stop, ..greedy(&[1], 1) }), RequestError::EmptyStop));
    let sampling = SamplingParams { top_p: 7.0, ..SamplingParams::default() };
    assert!(matches!(refused(GenerationRequest { sampling, ..greedy(&[1], 1) }), RequestError::Sampling(_)));
}

#[test]
fn sequences_wait_for_memory_and_one_that_never_fits_is_refused() {
    let model = model();
    let one = SequenceCache::bytes(&config(), 32);
    let limits = Limits { cache_bytes: one, ..Limits::default() };
    let requests = vec![greedy(&[1, 2], 20), greedy(&[3, 4], 20), greedy(&[5, 6], 20)];
    let together = generate(&model, requests.clone(), limits, |_| ()).unwrap();
    for (result, request) in together.iter().zip(&requests) {
        assert_eq!(result.as_ref().unwrap(), &alone(&model, request));
    }
    let error = generate(&model, vec![greedy(&[1], 40)], limits, |_| ()).unwrap_err();
    assert!(matches!(error, RequestError::CacheTooSmall { positions: 41, .. }), "{error}");
    let unlimited = GenerationRequest { max_new_tokens: None, ..greedy(&[1], 1) };
    let cut = generate(&model, vec![unlimited], limits, |_| ()).unwrap().remove(0).unwrap();
    assert_eq!((cut.finish_reason, cut.completion_tokens()), (FinishReason::Length, 31));
}

#[test]
fn a_model_that_overflows_fails_its_requests_instead_of_looping() {
    let model = model_with(|weights| {
        let huge = (weights["model.norm.weight"].ones_like().unwrap() * 3e38).unwrap();
        weights.insert("model.norm.weight".to_owned(), huge);
    });
    let results = generate(&model, vec![greedy(&[1], 5), greedy(&[2, 3], 5)], Limits::default(), |_| ()).unwrap();
    for result in results {
        assert!(matches!(result.unwrap_err(), GenerationError::NotFinite { .. }));
    }
}

#[test]
fn a_cancelled_request_gives_no_more_events_and_frees_its_place() {
    let model = model();
    let mut scheduler = Scheduler::new(&model, Limits { max_batch: 1, ..Limits::default() });
    let first = scheduler.submit(greedy(&[1], 50)).unwrap();
    let second = scheduler.submit(greedy(&[2], 3)).unwrap();
    scheduler.step();
    scheduler.cancel(first);
    let mut finished = Vec::new();
    while !scheduler.is_idle() {
        for event in scheduler.step() {
            assert_eq!(event.id, second);
            finished.extend(matches!(event.kind, EventKind::Finished(_)).then_some(event.id));
        }
    }
    assert_eq!(finished, [second]);
}

#[test]
fn a_conversation_is_tokenised_with_the_special_tokens_of_the_family() {
    let tokens = model().encode_chat(&[Message::user("hello")], &RenderOptions::default()).unwrap();
    assert_eq!((tokens[0], tokens.iter().filter(|&&token| token == 257).count()), (257, 2));
    assert!(tokens.contains(&258));
}
