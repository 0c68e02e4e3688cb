//! From logits to a token.

use std::collections::HashSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;

use super::request::GenerationError;
use crate::checkpoint::GenerationConfig;

/// A sampling parameter outside its meaning.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("`{name}` is {value}, but must be {expected}")]
pub struct SamplingError {
    /// The parameter.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What is accepted.
    pub expected: &'static str,
}

/// How tokens are chosen. The default takes the likeliest token.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f64,
    /// Keep this many likeliest tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the likeliest tokens that together reach this probability.
    pub top_p: f64,
    /// Keep tokens with at least this share of the likeliest token's probability.
    pub min_p: f64,
    /// Divides positive and multiplies negative logits of tokens in the context (Keskar et al., 2019).
    pub repetition_penalty: f64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, repetition_penalty: 1.0 }
    }
}

impl From<&GenerationConfig> for SamplingParams {
    fn from(config: &GenerationConfig) -> Self {
        let samples = config.do_sample == Some(true);
        Self {
            temperature: if samples { config.temperature.unwrap_or(1.0) } else { 0.0 },
            top_k: config.top_k.unwrap_or(0),
            top_p: config.top_p.unwrap_or(1.0),
            min_p: config.min_p.unwrap_or(0.0),
            repetition_penalty: config.repetition_penalty.unwrap_or(1.0),
        }
    }
}

impl SamplingParams {
    /// Whether the likeliest token is always taken, so that the seed does not matter.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0 || self.top_k == 1
    }

    /// Checks every parameter.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let checks = [
            ("temperature", self.temperature, (0.0..=100.0).contains(&self.temperature), "between 0 and 100"),
            ("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "above 0 and at most 1"),
            ("min_p", self.min_p, (0.0..=1.0).contains(&self.min_p), "between 0 and 1"),
            (
                "repetition_penalty",
                self.repetition_penalty,
                self.repetition_penalty > 0.0 && self.repetition_penalty <= 100.0,
                "above 0 and at most 100",
            ),
        ];
        match checks.into_iter().find(|(_, _, is_right, _)| !is_right) {
            Some((name, value, _, expected)) => Err(SamplingError { name, value, expected }),
            None => Ok(()),
        }
    }
}

/// Chooses the tokens of one sequence.
#[derive(Debug)]
pub(super) struct Sampler {
    params: SamplingParams,
    random: ChaCha8Rng,
    /// Tokens of the context; kept only if they are penalised.
    context: HashSet<u32>,
}

impl Sampler {
    pub(super) fn new(params: SamplingParams, seed: u64, prompt: &[u32]) -> Self {
        let penalises = (params.repetition_penalty - 1.0).abs() > f64::EPSILON;
        let context = if penalises { prompt.iter().copied().collect() } else { HashSet::new() };
        Self { params, random: ChaCha8Rng::seed_from_u64(seed), context }
    }

    /// The next token. Logits that are not numbers are an error, never a token.
    pub(super) fn next(&mut self, logits: &mut [f32]) -> Result<u32, GenerationError> {
        if let Some(token) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(GenerationError::NotFinite { token: token as u32, value: logits[token] });
        }
        self.penalise(logits);
        let token = if self.params.is_greedy() { likeliest(logits) } else { self.draw(logits) };
        if !self.context.is_empty() {
            self.context.insert(token);
        }
        Ok(token)
    }

    fn penalise(&self, logits: &mut [f32]) {
        let penalty = self.params.repetition_penalty as f32;
        for &token in &self.context {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let candidates = self.candidates(logits);
        let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
        let mut rest = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * total;
        for &(token, weight) in &candidates {
            rest -= weight;
            if rest < 0.0 {
                return token;
            }
        }
        // Rounding may leave a rest after the last candidate.
        candidates.last().map_or(0, |&(token, _)| token)
    }

    /// Tokens that may be drawn, with their weights relative to the likeliest.
    fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let highest = f64::from(logits[likeliest(logits) as usize]);
        let weight = |logit: f32| ((f64::from(logit) - highest) / self.params.temperature).exp();
        let mut all: Vec<(u32, f64)> = (0..).zip(logits).map(|(token, &logit)| (token, weight(logit))).collect();
        let top_k = self.params.top_k as usize;
        if top_k > 0 && top_k < all.len() {
            all.select_nth_unstable_by(top_k - 1, likelier);
            all.truncate(top_k);
        }
        if self.params.top_p < 1.0 || self.params.top_k > 0 {
            all.sort_unstable_by(likelier);
        }
        if self.params.top_p < 1.0 {
            all.truncate(nucleus(&all, self.params.top_p));
        }
        all.retain(|(_, weight)| *weight >= self.params.min_p);
        all
    }
}

/// How many of the sorted candidates together reach the share `top_p`.
fn nucleus(sorted: &[(u32, f64)], top_p: f64) -> usize {
    let mut missing = top_p * sorted.iter().map(|(_, weight)| weight).sum::<f64>();
    let reached = sorted.iter().position(|(_, weight)| {
        missing -= weight;
        missing <= 0.0
    });
    reached.map_or(sorted.len(), |index| index + 1)
}

/// Likelier tokens first, equal ones by number, so that the order never depends on the sorting.
fn likelier(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The first of the highest logits.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = token;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, 3.0, -1.0];

    fn sampled() -> SamplingParams {
        SamplingParams { temperature: 1.0, ..SamplingParams::default() }
    }

    fn draws(params: SamplingParams, count: usize) -> [usize; 5] {
        let mut sampler = Sampler::new(params, 7, &[]);
        let mut counts = [0; 5];
        for _ in 0..count {
            counts[sampler.next(&mut LOGITS.clone()).unwrap() as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_default_takes_the_first_of_the_likeliest() {
        assert_eq!(draws(SamplingParams::default(), 10), [0, 10, 0, 0, 0]);
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let total: f64 = LOGITS.iter().map(|&x| f64::from(x).exp()).sum();
        for (count, logit) in draws(sampled(), 20_000).iter().zip(LOGITS) {
            let expected = f64::from(logit).exp() / total;
            assert!((*count as f64 / 20_000.0 - expected).abs() < 0.012, "{count} for {logit}");
        }
    }

    #[test]
    fn a_low_temperature_sharpens() {
        let counts = draws(SamplingParams { temperature: 0.1, ..sampled() }, 1000);
        assert!(counts[0] + counts[4] == 0 && counts[2] < 5, "{counts:?}");
    }

    #[test]
    fn top_k_top_p_and_min_p_cut_the_tail() {
        let kept = |params| draws(params, 3000).map(|count| count > 0);
        assert_eq!(kept(SamplingParams { top_k: 3, ..sampled() }), [false, true, true, true, false]);
        assert_eq!(kept(SamplingParams { top_k: 1, ..sampled() }), [false, true, false, false, false]);
        assert_eq!(kept(SamplingParams { top_p: 0.5, ..sampled() }), [false, true, false, true, false]);
        assert_eq!(kept(SamplingParams { top_p: 0.9, ..sampled() }), [false, true, true, true, false]);
        assert_eq!(kept(SamplingParams { min_p: 0.3, ..sampled() }), [false, true, true, true, false]);
        assert_eq!(kept(SamplingParams { min_p: 1.0, ..sampled() }), [false, true, false, true, false]);
    }

    #[test]
    fn repetition_is_penalised_for_prompt_and_answer() {
        let params = SamplingParams { repetition_penalty: 2.0, ..SamplingParams::default() };
        let mut sampler = Sampler::new(params, 0, &[1]);
        assert_eq!(sampler.next(&mut LOGITS.clone()).unwrap(), 3);
        assert_eq!(sampler.next(&mut LOGITS.clone()).unwrap(), 2);
    }

    #[test]
    fn logits_that_are_not_numbers_are_an_error() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut sampler = Sampler::new(sampled(), 0, &[]);
            let error = sampler.next(&mut [0.0, bad]).unwrap_err();
            assert!(matches!(error, GenerationError::NotFinite { token: 1, .. }));
        }
    }

    #[test]
    fn parameters_outside_their_meaning_are_refused_by_name() {
        for (name, params) in [
            ("temperature", SamplingParams { temperature: f64::NAN, ..sampled() }),
            ("temperature", SamplingParams { temperature: -1.0, ..sampled() }),
            ("top_p", SamplingParams { top_p: 0.0, ..sampled() }),
            ("min_p", SamplingParams { min_p: 1.1, ..sampled() }),
            ("repetition_penalty", SamplingParams { repetition_penalty: 0.0, ..sampled() }),
        ] {
            assert_eq!(params.validate().unwrap_err().name, name);
        }
    }
}
