//! Prints what a checkpoint makes of given tokens: `logits MODEL_DIR OUT NEW_TOKENS TOKEN...`.
//!
//! Writes the logits at every position as single precision numbers to OUT, continues greedily, and prints one JSON line.
//! `benches/full_size.py` compares them with those of transformers.

#![expect(clippy::print_stdout, reason = "the result is the output")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use ptb_engine::checkpoint::Checkpoint;
use ptb_engine::generate::{CachedDecoder, SequenceCache, Step};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, new_tokens, prompt @ ..] = arguments.as_slice() else {
        return Err("expected MODEL_DIR OUT NEW_TOKENS TOKEN...".into());
    };
    let new_tokens: usize = new_tokens.parse()?;
    let prompt: Vec<u32> = prompt.iter().map(|token| token.parse()).collect::<Result<_, _>>()?;
    let begin = Instant::now();
    let decoder = CachedDecoder::load(&Checkpoint::open(Path::new(folder))?)?;
    let load = begin.elapsed().as_secs_f64();

    let begin = Instant::now();
    let mut cache = SequenceCache::new(decoder.config(), prompt.len() + new_tokens);
    let mut last = feed(&decoder, &mut cache, &prompt)?;
    let prompt_seconds = begin.elapsed().as_secs_f64();

    let begin = Instant::now();
    let mut greedy = Vec::new();
    while greedy.len() < new_tokens {
        greedy.push(likeliest(&last));
        last = feed(&decoder, &mut cache, &greedy[greedy.len() - 1..])?;
    }
    let token_seconds = begin.elapsed().as_secs_f64() / new_tokens.max(1) as f64;
    write_logits(&decoder, &prompt, Path::new(out))?;
    let line = json!({
        "load_seconds": load, "prompt_seconds": prompt_seconds, "token_seconds": token_seconds, "greedy": greedy,
        "peak_mib": peak_mib(),
    });
    println!("{line}");
    Ok(())
}

/// Feeds tokens; returns the logits after the last one.
fn feed(decoder: &CachedDecoder, cache: &mut SequenceCache, tokens: &[u32]) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut logits = decoder.step(&mut [Step { cache, tokens }])?;
    Ok(logits.swap_remove(0))
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = logits
        .iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (token, &logit)| if logit > best.1 { (token, logit) } else { best });
    best.0 as u32
}

/// Feeds the prompt once more, token by token.
fn write_logits(decoder: &CachedDecoder, prompt: &[u32], out: &Path) -> Result<(), Box<dyn Error>> {
    let mut cache = SequenceCache::new(decoder.config(), prompt.len());
    let mut file = BufWriter::new(File::create(out)?);
    for &token in prompt {
        for logit in feed(decoder, &mut cache, &[token])? {
            file.write_all(&logit.to_le_bytes())?;
        }
    }
    Ok(file.flush()?)
}

/// Largest resident memory of this process so far, from the kernel; 0 where it does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
