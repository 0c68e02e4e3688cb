//! What grading costs.

use ptb_core::definitions::{JudgeSettings, TokenPrices};
use serde::{Deserialize, Serialize};

use crate::grader::JudgeUsage;

/// Bytes of a prompt that are taken as one token before a provider has counted: a guess that is high for English.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of a reply, thinking included, that are assumed before the judge has spoken. The field reports about 8 dollars
/// for the 1,873 requests of a HealthBench-Easy run with `gpt-5-mini`, which is some 1,900 tokens a reply.
const ASSUMED_REPLY_TOKENS: u64 = 1900;

/// Dollars for tokens that a provider counted.
pub fn cost_usd(usage: &JudgeUsage, prices: &TokenPrices) -> f64 {
    let cached = usage.cached_tokens.min(usage.input_tokens);
    let fresh = usage.input_tokens - cached;
    let millionths =
        fresh as f64 * prices.input + cached as f64 * prices.cached_input + usage.output_tokens as f64 * prices.output;
    millionths / 1e6
}

/// What grading will cost, before it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CostEstimate {
    /// Requests to the judge.
    pub requests: u64,
    /// Tokens of their prompts, one for four bytes.
    pub input_tokens: u64,
    /// Dollars when each reply has 1,900 tokens.
    pub usd: f64,
    /// Dollars when each reply is as long as the judge's limit allows.
    pub most_usd: f64,
}

impl CostEstimate {
    /// The estimate for prompts of so many bytes each.
    pub fn of(prompts: impl IntoIterator<Item = usize>, settings: &JudgeSettings) -> Self {
        let mut estimate = Self::default();
        for bytes in prompts {
            estimate.requests += 1;
            estimate.input_tokens += (bytes as u64).div_ceil(BYTES_PER_TOKEN);
        }
        let most = u64::from(settings.max_completion_tokens);
        estimate.usd = estimate.with_replies_of(ASSUMED_REPLY_TOKENS.min(most), settings);
        estimate.most_usd = estimate.with_replies_of(most, settings);
        estimate
    }

    fn with_replies_of(&self, tokens: u64, settings: &JudgeSettings) -> f64 {
        let usage = JudgeUsage {
            input_tokens: self.input_tokens,
            output_tokens: self.requests * tokens,
            ..JudgeUsage::default()
        };
        cost_usd(&usage, &settings.prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> TokenPrices {
        let (date, source) = ("2026-11-24".to_owned(), "a test".to_owned());
        TokenPrices { date, source, input: 0.25, cached_input: 0.025, output: 2.0 }
    }

    #[test]
    fn cached_tokens_are_cheaper() {
        let usage = JudgeUsage { input_tokens: 1_000_000, output_tokens: 500_000, ..JudgeUsage::default() };
        assert!((cost_usd(&usage, &prices()) - 1.25).abs() < 1e-12);
        let cached = JudgeUsage { cached_tokens: 1_000_000, ..usage };
        assert!((cost_usd(&cached, &prices()) - 1.025).abs() < 1e-12);
        let nonsense = JudgeUsage { cached_tokens: u64::MAX, ..usage };
        assert!((cost_usd(&nonsense, &prices()) - 1.025).abs() < 1e-12);
    }

    #[test]
    fn an_estimate_has_an_upper_end() {
        let settings = JudgeSettings {
            model: "judge".to_owned(),
            base_url: String::new(),
            key_variable: String::new(),
            max_completion_tokens: 10_000,
            reasoning_effort: None,
            concurrency: 1,
            requests_per_minute: None,
            attempts: 1,
            prices: prices(),
        };
        let estimate = CostEstimate::of([4000, 1], &settings);
        assert_eq!((estimate.requests, estimate.input_tokens), (2, 1001));
        assert!((estimate.most_usd - (1001.0 * 0.25 + 20_000.0 * 2.0) / 1e6).abs() < 1e-12);
        assert!(estimate.usd < estimate.most_usd);
    }
}
