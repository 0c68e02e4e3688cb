//! From a line to its score.

use std::borrow::Cow;
use std::path::PathBuf;

use ptb_core::definitions::{BenchmarkDefinition, ScorerDefinition};
use serde::Serialize;
use serde_json::Value;

use super::line::Line;
use super::method::{Method, Mode, NotScorable, Unscored};
use super::sample::Samples;
use super::surrogates::{StandIn, with_lone_halves, without_lone_halves};
use crate::data::Item;
use crate::scorer::Scored;

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It has a score.
    Scored,
    /// The reference raises on it.
    Raised,
    /// It cannot be scored.
    Bad,
}

/// Scores lines of a benchmark.
#[derive(Debug)]
pub struct Scoring {
    method: Method,
    samples: Samples,
}

#[derive(Debug, Default, Serialize)]
struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<Value>,
    sample_id: Option<Value>,
    score: Option<f64>,
    extracted_answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Scoring {
    /// Scoring of a benchmark; `items` are those of its data set as the model is asked them, or why they are not here.
    /// Programs are run by the interpreter `python`, else the one on `PATH`.
    pub fn new(
        benchmark: &BenchmarkDefinition,
        mode: Mode,
        items: Result<Vec<Item>, String>,
        python: Option<PathBuf>,
    ) -> Result<Self, NotScorable> {
        if let (ScorerDefinition::CodeExecution { .. }, Err(why)) = (&benchmark.scorer, &items) {
            return Err(NotScorable::NoTests { benchmark: benchmark.id.clone(), why: why.clone() });
        }
        let method = Method::new(benchmark, mode, python)?;
        Ok(Self { method, samples: Samples::new(benchmark, items) })
    }

    /// The output for a line, without its end.
    pub fn score_line(&self, line: &[u8]) -> (Judged, String) {
        let stand_in = if self.method.is_reference() { StandIn::Private } else { StandIn::Replacement };
        let text = match str::from_utf8(line) {
            Ok(text) => without_lone_halves(text, stand_in),
            Err(error) => return Self::bad_line(&format!("the line is not UTF-8: {error}")),
        };
        let mut line: Line = match serde_json::from_str(&text) {
            Ok(line) => line,
            Err(error) => return Self::bad_line(&format!("the line is not a JSON object with a completion: {error}")),
        };
        let (record_id, sample_id) = (line.record_id.take(), line.sample_id.clone());
        let (judged, output) = outcome(self.score(&mut line, &text));
        let output = written(&Output { record_id, sample_id, ..output });
        let stood_in = stand_in == StandIn::Private && matches!(text, Cow::Owned(_));
        (judged, if stood_in { with_lone_halves(&output) } else { output })
    }

    /// The output for a line that cannot be read.
    pub fn bad_line(why: &str) -> (Judged, String) {
        (Judged::Bad, written(&Output { error: Some(why.to_owned()), ..Output::default() }))
    }

    fn score(&self, line: &mut Line, text: &str) -> Result<Scored, Unscored> {
        let reply = line.take_reply()?;
        let item = self.samples.item(line, text)?;
        self.method.score(&reply, &item)
    }
}

fn outcome(scored: Result<Scored, Unscored>) -> (Judged, Output) {
    match scored {
        Ok(scored) => (
            Judged::Scored,
            Output {
                score: Some(scored.score),
                extracted_answer: scored.extracted_answer,
                reason: Some(scored.reason),
                ..Output::default()
            },
        ),
        Err(Unscored::Raised(raised)) => {
            (Judged::Raised, Output { error: Some(raised.to_string()), ..Output::default() })
        }
        Err(Unscored::Bad(error)) => (Judged::Bad, Output { error: Some(error), ..Output::default() }),
    }
}

fn written(output: &Output) -> String {
    serde_json::to_string(output).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}
