//! Measures greedy generation: `throughput MODEL_DIR BATCH PROMPT_TOKENS NEW_TOKENS REPEATS` prints one JSON line.
//!
//! `benches/engine_vs_transformers.py` runs it beside transformers.

#![expect(clippy::print_stdout, reason = "the measurement is the output")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ptb_engine::generate::{GenerationRequest, Limits, Model, SamplingParams, generate};
use ptb_engine::template::{ChatTemplate, Family};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, numbers @ ..] = arguments.as_slice() else { return Err("which model?".into()) };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [batch, prompt, new_tokens, repeats] = numbers[..] else {
        return Err("expected BATCH PROMPT_TOKENS NEW_TOKENS REPEATS after the model".into());
    };
    let model = Model::load(Path::new(folder), ChatTemplate::for_family(Family::Qwen3)?)?;
    let (mut seconds, mut cpu_seconds, mut tokens) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..repeats.max(1) {
        let requests = (0..batch).map(|index| request(&model, index, prompt, new_tokens)).collect();
        let (begin, cpu_begin) = (Instant::now(), cpu_time());
        let completions = generate(&model, requests, Limits { max_batch: batch, ..Limits::default() }, |_| ())?;
        seconds = seconds.min(begin.elapsed().as_secs_f64());
        cpu_seconds = cpu_seconds.min(cpu_time() - cpu_begin);
        tokens = completions.iter().flatten().map(|completion| completion.tokens.len()).sum();
    }
    let line = json!({"tokens": tokens, "seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak_mib()});
    println!("{line}");
    Ok(())
}

/// The same prompts as in the Python script.
fn request(model: &Model, index: usize, length: usize, new_tokens: usize) -> GenerationRequest {
    let vocab = model.decoder().config().vocab_size;
    let prompt = (0..length).map(|place| ((index * 131 + place * 7 + 11) % vocab) as u32).collect();
    GenerationRequest {
        prompt,
        sampling: SamplingParams::default(),
        max_new_tokens: Some(new_tokens),
        stop: Vec::new(),
        seed: 0,
    }
}

/// Seconds of processor time of all threads so far, in steps of 10 ms; 0 where the kernel does not tell.
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields are counted after the name of the program, which may hold blanks.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Largest resident memory of this process so far, from the kernel; 0 where it does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
