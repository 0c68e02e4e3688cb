//! The decoder agrees with transformers on recorded logits.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ptb_engine::checkpoint::Checkpoint;
use ptb_engine::decoder::Decoder;
use ptb_engine::generate::{
    CachedDecoder, GenerationRequest, Limits, Model, SamplingParams, SequenceCache, Step, generate,
};
use ptb_engine::template::{ChatTemplate, Family};
use serde::Deserialize;

/// The folders of `golden`: each architecture, with every setting that it can have in one of them.
const CHECKPOINTS: [&str; 9] = [
    "tied",
    "untied",
    "sharded",
    "qwen3_window",
    "smollm3",
    "smollm3_window",
    "gemma3_text",
    "gemma3_old",
    "gemma3_new",
];

/// What `golden/make_logits.py` has recorded.
#[derive(Deserialize)]
struct Recorded {
    prompts: Vec<Vec<u32>>,
    every: usize,
    logits: Vec<Vec<Vec<f32>>>,
    /// Which prompt was continued, and the likeliest tokens after it.
    continued: Option<usize>,
    #[serde(default)]
    greedy: Vec<u32>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn recorded(name: &str) -> Recorded {
    serde_json::from_slice(&std::fs::read(folder(name).join("logits.json")).unwrap()).unwrap()
}

/// Calls `compare` with each checkpoint, prompt and its recorded rows.
fn each_prompt(mut logits_of: impl FnMut(&Checkpoint, &[u32]) -> Vec<Vec<f32>>) {
    for name in CHECKPOINTS {
        let recorded = recorded(name);
        let checkpoint = Checkpoint::open(&folder(name)).unwrap();
        for (prompt, expected) in recorded.prompts.iter().zip(&recorded.logits) {
            let found = logits_of(&checkpoint, prompt);
            let error = relative_error(&found, expected, recorded.every);
            assert!(error <= 1e-4, "{name}, {} tokens: relative error {error:e}", prompt.len());
        }
    }
}

/// Largest difference over the largest logit.
fn relative_error(found: &[Vec<f32>], expected: &[Vec<f32>], every: usize) -> f32 {
    assert_eq!(found.len(), expected.len());
    let (mut difference, mut largest) = (0.0_f32, 0.0_f32);
    for (found, expected) in found.iter().zip(expected) {
        let kept: Vec<f32> = found.iter().step_by(every).copied().collect();
        assert_eq!(kept.len(), expected.len());
        for (found, expected) in kept.iter().zip(expected) {
            difference = difference.max((found - expected).abs());
            largest = largest.max(expected.abs());
        }
    }
    assert!(largest > 0.1, "the recorded logits are not trivial");
    difference / largest
}

#[test]
fn the_dense_path_agrees_with_transformers() {
    each_prompt(|checkpoint, prompt| {
        let decoder = Decoder::new(checkpoint.config(), &checkpoint.weights().unwrap()).unwrap();
        let tokens = Tensor::new(prompt, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        decoder.logits(&tokens).unwrap().squeeze(0).unwrap().to_vec2().unwrap()
    });
}

/// Feeds each prompt token by token, in pieces, and at once.
#[test]
fn the_cached_path_agrees_with_transformers_in_any_pieces() {
    each_prompt(|checkpoint, prompt| {
        let decoder = CachedDecoder::load(checkpoint).unwrap();
        let feed = |size: usize| -> Vec<Vec<f32>> {
            let mut cache = SequenceCache::new(checkpoint.config(), 128);
            let step = |tokens| decoder.step(&mut [Step { cache: &mut cache, tokens }]).unwrap().remove(0);
            prompt.chunks(size).map(step).collect()
        };
        let rows = feed(1);
        for size in [7, prompt.len().div_ceil(2), prompt.len()] {
            assert_eq!(rows.last(), feed(size).last(), "pieces of {size} do not change a single bit");
        }
        rows
    });
}

/// Weights in the stored type give bit for bit what their copies in single precision give.
#[test]
fn stored_types_are_widened_exactly() {
    for name in CHECKPOINTS {
        let checkpoint = Checkpoint::open(&folder(name)).unwrap();
        let prompt = &recorded(name).prompts[0];
        let logits = |decoder: CachedDecoder| {
            let mut cache = SequenceCache::new(checkpoint.config(), 128);
            decoder.step(&mut [Step { cache: &mut cache, tokens: prompt }]).unwrap().remove(0)
        };
        let wide = CachedDecoder::new(checkpoint.config(), checkpoint.weights().unwrap()).unwrap();
        assert_eq!(logits(CachedDecoder::load(&checkpoint).unwrap()), logits(wide), "{name}");
    }
}

#[test]
fn greedy_generation_agrees_with_transformers() {
    let mut continued = 0;
    for name in CHECKPOINTS {
        let Recorded { prompts, continued: Some(index), greedy, .. } = recorded(name) else { continue };
        let model = Model::load(&folder(name), ChatTemplate::for_family(Family::Qwen3).unwrap()).unwrap();
        let request = GenerationRequest {
            prompt: prompts[index].clone(),
            sampling: SamplingParams::default(),
            max_new_tokens: Some(greedy.len()),
            stop: Vec::new(),
            seed: 0,
        };
        let completion = generate(&model, vec![request], Limits::default(), |_| ()).unwrap().remove(0).unwrap();
        let ending = greedy.iter().position(|token| model.ending_tokens().contains(token));
        assert_eq!(completion.tokens, greedy[..ending.map_or(greedy.len(), |index| index + 1)], "{name}");
        continued += 1;
    }
    assert_eq!(continued, 6);
}
