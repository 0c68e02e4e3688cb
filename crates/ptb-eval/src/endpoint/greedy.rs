//! Whether a server decodes greedily.

use std::path::Path;

use ptb_core::definitions::SamplingOverrides;
use ptb_core::files::{self, FileError};
use ptb_engine::checkpoint::GenerationConfig;

/// Servers take smaller temperatures for 0.
const SMALLEST_TEMPERATURE: f64 = 1e-5;

/// Whether servers decode the checkpoint in `folder` greedily, so that seeds change nothing.
///
/// Unlike `transformers`, the servers do not read `do_sample`, and sample at temperature 1 when the checkpoint names none.
pub fn decodes_greedily(folder: &Path, sampling: &SamplingOverrides) -> Result<bool, FileError> {
    let config: Option<GenerationConfig> = files::read_json_if_present(&folder.join("generation_config.json"))?;
    let config = config.unwrap_or_default();
    let temperature = sampling.temperature.or(config.temperature);
    let top_k = sampling.top_k.or(config.top_k);
    Ok(temperature.is_some_and(|temperature| temperature < SMALLEST_TEMPERATURE) || top_k == Some(1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn greedy(config: Option<&str>, sampling: SamplingOverrides) -> bool {
        let folder = tempfile::tempdir().unwrap();
        if let Some(config) = config {
            fs::write(folder.path().join("generation_config.json"), config).unwrap();
        }
        decodes_greedily(folder.path(), &sampling).unwrap()
    }

    #[test]
    fn only_temperature_0_and_one_candidate_are_greedy_on_a_server() {
        let none = SamplingOverrides::default();
        assert!(greedy(Some(r#"{"temperature": 0.0}"#), none));
        assert!(greedy(Some(r#"{"temperature": 0.6, "top_k": 1}"#), none));
        for sampling in [r#"{"do_sample": false}"#, "{}", r#"{"temperature": 0.6}"#] {
            assert!(!greedy(Some(sampling), none), "{sampling}");
        }
        assert!(!greedy(None, none));
    }

    #[test]
    fn what_the_benchmark_sends_comes_first() {
        let warm = SamplingOverrides { temperature: Some(0.7), ..SamplingOverrides::default() };
        let cold = SamplingOverrides { temperature: Some(0.0), ..SamplingOverrides::default() };
        assert!(!greedy(Some(r#"{"temperature": 0.0}"#), warm));
        assert!(greedy(Some(r#"{"temperature": 0.7}"#), cold));
    }

    #[test]
    fn a_broken_configuration_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("generation_config.json"), "{").unwrap();
        let error = decodes_greedily(folder.path(), &SamplingOverrides::default()).unwrap_err().to_string();
        assert!(error.contains("generation_config.json"), "{error}");
    }
}
