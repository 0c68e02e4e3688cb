//! The decoder agrees with transformers on recorded logits.

use std::path::Path;

use candle_core::{Device, Tensor};
use ptb_engine::checkpoint::Checkpoint;
use ptb_engine::decoder::Decoder;
use ptb_engine::generate::{CachedDecoder, SequenceCache, Step};
use serde::Deserialize;

/// What `golden/make_logits.py` has recorded.
#[derive(Deserialize)]
struct Recorded {
    prompts: Vec<Vec<u32>>,
    every: usize,
    logits: Vec<Vec<Vec<f32>>>,
}

/// Calls `compare` with each checkpoint, prompt and its recorded rows.
fn each_prompt(mut logits_of: impl FnMut(&Checkpoint, &[u32]) -> Vec<Vec<f32>>) {
    for name in ["tied", "untied", "sharded"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let recorded: Recorded = serde_json::from_slice(&std::fs::read(folder.join("logits.json")).unwrap()).unwrap();
        let checkpoint = Checkpoint::open(&folder).unwrap();
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

/// Feeds each prompt in two pieces and then token by token.
#[test]
fn the_cached_path_agrees_with_transformers_in_any_pieces() {
    each_prompt(|checkpoint, prompt| {
        let decoder = CachedDecoder::new(checkpoint.config(), checkpoint.weights().unwrap()).unwrap();
        let mut cache = SequenceCache::new(checkpoint.config(), 64);
        let mut feed = |tokens: &[u32]| decoder.step(&mut [Step { cache: &mut cache, tokens }]).unwrap().remove(0);
        let mut rows: Vec<Vec<f32>> = prompt.iter().map(|&token| feed(&[token])).collect();
        let mut cache = SequenceCache::new(checkpoint.config(), 64);
        let (first, second) = prompt.split_at(prompt.len() / 2);
        let mut last = Vec::new();
        for tokens in [first, second] {
            if !tokens.is_empty() {
                last = decoder.step(&mut [Step { cache: &mut cache, tokens }]).unwrap().remove(0);
            }
        }
        assert_eq!(rows.last(), Some(&last), "pieces do not change a single bit");
        rows.truncate(prompt.len());
        rows
    });
}
