//! From a line to its score.

use std::borrow::Cow;
use std::collections::HashMap;

use ptb_core::definitions::BenchmarkDefinition;
use ptb_core::ids::BenchmarkId;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::line::Line;
use super::surrogates::{StandIn, with_lone_halves, without_lone_halves};
use crate::data::{Item, Reference};
use crate::engine::Completion;
use crate::scorer::compat::{self, Raised, RawReply, Recorded};
use crate::scorer::{Scored, Scorer, score_choice};

/// Which scorers are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The strict ones.
    Strict,
    /// Those of the reference, bit for bit.
    Inspect,
}

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

/// A benchmark whose completions cannot be scored from a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotScorable {
    /// Only a judge can score it.
    #[error("{0} is scored by a judge, not by a look at the completion: use `ptb eval`")]
    Judge(BenchmarkId),
    /// The reference does not have the benchmark.
    #[error("the reference has no scorer for {0}: leave --compat out")]
    NoReference(BenchmarkId),
}

#[derive(Debug)]
enum Method {
    Strict(Scorer),
    ReferenceNumeric,
    ReferenceAime,
    ReferenceChoice,
}

/// Scores lines of a benchmark.
#[derive(Debug)]
pub struct Scoring<'a> {
    benchmark: &'a BenchmarkDefinition,
    method: Method,
    /// The data set's items by id, or why they are not here.
    items: Result<HashMap<String, Item>, String>,
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

/// Why a line has no score.
enum Unscored {
    Raised(Raised),
    Bad(String),
}

impl From<String> for Unscored {
    fn from(why: String) -> Self {
        Self::Bad(why)
    }
}

impl From<Raised> for Unscored {
    fn from(raised: Raised) -> Self {
        Self::Raised(raised)
    }
}

impl<'a> Scoring<'a> {
    /// Scoring of a benchmark; `items` are those of its data set, or why they are not here.
    pub fn new(
        benchmark: &'a BenchmarkDefinition,
        mode: Mode,
        items: Result<Vec<Item>, String>,
    ) -> Result<Self, NotScorable> {
        let items = items.map(|items| items.into_iter().map(|item| (item.id.clone(), item)).collect());
        Ok(Self { benchmark, method: method(benchmark, mode)?, items })
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
        let (judged, output) = self.outcome(&mut line);
        let output = written(&Output { record_id, sample_id, ..output });
        let stood_in = stand_in == StandIn::Private && matches!(text, Cow::Owned(_));
        (judged, if stood_in { with_lone_halves(&output) } else { output })
    }

    /// The output for a line that cannot be read.
    pub fn bad_line(why: &str) -> (Judged, String) {
        (Judged::Bad, written(&Output { error: Some(why.to_owned()), ..Output::default() }))
    }

    fn outcome(&self, line: &mut Line) -> (Judged, Output) {
        match self.score(line) {
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

    fn score(&self, line: &mut Line) -> Result<Scored, Unscored> {
        let reply = line.take_reply()?;
        let sample = Sample { scoring: self, id: line.sample_id()?, line };
        match self.method {
            Method::Strict(Scorer::MultipleChoice) => {
                Ok(score_choice(&strict_text(&reply)?, sample.target()?, sample.choices()?))
            }
            Method::Strict(scorer) => {
                let item = Item { target: sample.target()?.to_owned(), ..Item::default() };
                let scored = scorer.score(&Completion::of_text(strict_text(&reply)?), &item);
                scored.ok_or_else(|| format!("the target {:?} is not one to compare with", item.target).into())
            }
            Method::ReferenceNumeric => Ok(recorded(compat::score_numeric(&reply.completion()?, sample.target()?)?)),
            Method::ReferenceAime => Ok(recorded(compat::score_aime(&reply.completion()?, sample.target()?).0?)),
            Method::ReferenceChoice => {
                Ok(recorded(compat::score_choice(&reply.completion()?, sample.target()?, sample.choices()?)))
            }
        }
    }
}

impl Method {
    fn is_reference(&self) -> bool {
        matches!(self, Self::ReferenceNumeric | Self::ReferenceAime | Self::ReferenceChoice)
    }
}

fn method(benchmark: &BenchmarkDefinition, mode: Mode) -> Result<Method, NotScorable> {
    if mode == Mode::Inspect {
        return match benchmark.id.as_str() {
            "gsm8k" => Ok(Method::ReferenceNumeric),
            "aime2025" => Ok(Method::ReferenceAime),
            "gpqamain" => Ok(Method::ReferenceChoice),
            _ => Err(NotScorable::NoReference(benchmark.id.clone())),
        };
    }
    Scorer::strict(&benchmark.scorer).map(Method::Strict).ok_or_else(|| NotScorable::Judge(benchmark.id.clone()))
}

/// A line with what the data set knows of its sample.
struct Sample<'a> {
    scoring: &'a Scoring<'a>,
    id: String,
    line: &'a Line,
}

impl Sample<'_> {
    fn target(&self) -> Result<&str, String> {
        match self.line.target()? {
            Some(target) => Ok(target),
            None => Ok(&self.item("target")?.target),
        }
    }

    fn choices(&self) -> Result<usize, String> {
        if let Some(choices) = self.line.choices()? {
            return Ok(choices);
        }
        match &self.item("choices")?.reference {
            Reference::Choices(choices) => Ok(choices.len()),
            _ => Err(format!("the sample {} has no choices", self.id)),
        }
    }

    /// The data set's item, where the line does not say everything itself.
    fn item(&self, missing: &str) -> Result<&Item, String> {
        let absent = |why: &str| format!("the line has no `{missing}`, and {why}");
        let items = self.scoring.items.as_ref().map_err(|why| absent(why))?;
        items
            .get(&self.id)
            .ok_or_else(|| absent(&format!("the data set of {} has no sample {}", self.scoring.benchmark.id, self.id)))
    }
}

/// The text for a strict scorer. A prompt that was too long for the model has an empty answer; any other status is no
/// answer at all.
fn strict_text(reply: &RawReply) -> Result<String, String> {
    match (reply.http_status, reply.completion()) {
        (None | Some(200), _) => Ok(reply.content.clone().unwrap_or_default()),
        (Some(_), Ok(_)) => Ok(String::new()),
        (Some(_), Err(raised)) => Err(raised.line()),
    }
}

fn recorded(recorded: Recorded) -> Scored {
    let mut scored = if recorded.is_right { Scored::right("") } else { Scored::wrong(None, "differs from the target") };
    // The reference keeps answers whole.
    scored.extracted_answer = Some(recorded.answer);
    scored
}

fn written(output: &Output) -> String {
    serde_json::to_string(output).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}
