//! How completions of a benchmark are scored.

use std::path::PathBuf;

use ptb_core::definitions::{BenchmarkDefinition, ScorerDefinition};
use ptb_core::ids::BenchmarkId;
use serde_json::Value;
use thiserror::Error;

use crate::code::{CodeConfig, CodeGrader, PoolError};
use crate::data::{ExpectedCall, Item, ProgramTests, Reference};
use crate::engine::{Completion, ToolCall};
use crate::scorer::call::{self, CallError};
use crate::scorer::compat::{self, Raised, RawReply, Recorded};
use crate::scorer::{Scored, Scorer};

/// Which scorers are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The strict ones.
    Strict,
    /// Those of the reference, bit for bit.
    Inspect,
}

/// A benchmark whose completions cannot be scored from a file.
#[derive(Debug, Error)]
pub enum NotScorable {
    /// Only a judge can score it.
    #[error("{0} is scored by a judge, not by a look at the completion: use `ptb eval`")]
    Judge(BenchmarkId),
    /// The reference does not have the benchmark.
    #[error("the reference has no scorer for {0}: leave --compat out")]
    NoReference(BenchmarkId),
    /// The data set's tests are not here.
    #[error("the tests of {benchmark} come from its data set: {why}")]
    NoTests {
        /// The benchmark.
        benchmark: BenchmarkId,
        /// Why they are not here.
        why: String,
    },
    /// Programs cannot be run here.
    #[error(transparent)]
    Programs(#[from] PoolError),
}

/// Why a line has no score.
pub(super) enum Unscored {
    /// The reference raises.
    Raised(Raised),
    /// Something is wrong with the line, or missing here.
    Bad(String),
}

impl From<String> for Unscored {
    fn from(why: String) -> Self {
        Self::Bad(why)
    }
}

impl From<PoolError> for Unscored {
    fn from(error: PoolError) -> Self {
        Self::Bad(error.to_string())
    }
}

impl From<Raised> for Unscored {
    fn from(raised: Raised) -> Self {
        Self::Raised(raised)
    }
}

impl From<CallError> for Unscored {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Raised(raised) => Self::Raised(raised),
            CallError::Unsupported(why) => Self::Bad(why),
        }
    }
}

#[derive(Debug)]
pub(super) enum Method {
    Strict(Scorer),
    StrictCode(CodeGrader),
    ReferenceNumeric,
    ReferenceAime,
    ReferenceChoice,
    ReferenceCall,
    ReferenceCode(CodeGrader),
}

impl Method {
    /// The method of a benchmark. Programs are run by the interpreter `python`, else the one on `PATH`.
    pub(super) fn new(
        benchmark: &BenchmarkDefinition,
        mode: Mode,
        python: Option<PathBuf>,
    ) -> Result<Self, NotScorable> {
        if mode == Mode::Strict {
            if let ScorerDefinition::CodeExecution { seconds, memory_mib } = benchmark.scorer {
                let config = CodeConfig { python, ..CodeConfig::with_limits(seconds, memory_mib) };
                return Ok(Self::StrictCode(CodeGrader::new(config)?));
            }
            let scorer = Scorer::strict(&benchmark.scorer);
            return scorer.map(Self::Strict).ok_or_else(|| NotScorable::Judge(benchmark.id.clone()));
        }
        match benchmark.id.as_str() {
            "gsm8k" => Ok(Self::ReferenceNumeric),
            "aime2025" => Ok(Self::ReferenceAime),
            "gpqamain" => Ok(Self::ReferenceChoice),
            "bfcl" => Ok(Self::ReferenceCall),
            "humaneval" => Ok(Self::ReferenceCode(CodeGrader::new(CodeConfig { python, ..CodeConfig::default() })?)),
            _ if is_judged(&benchmark.scorer) => Err(NotScorable::Judge(benchmark.id.clone())),
            _ => Err(NotScorable::NoReference(benchmark.id.clone())),
        }
    }

    pub(super) fn is_reference(&self) -> bool {
        !matches!(self, Self::Strict(_) | Self::StrictCode(_))
    }

    /// The score of a reply.
    pub(super) fn score(&self, reply: &RawReply, item: &Item) -> Result<Scored, Unscored> {
        let target = &item.target;
        let recorded = match self {
            Self::Strict(scorer) => {
                let result = scorer.score(&completion(reply)?, item);
                return result.ok_or_else(|| format!("{} has no target to compare with: {target:?}", item.id).into());
            }
            Self::StrictCode(grader) => return Ok(grader.score(&completion(reply)?.text, tests(item)?)?),
            Self::ReferenceCode(grader) => grader.score_as_reference(&reply.completion()?, tests(item)?)??,
            Self::ReferenceNumeric => compat::score_numeric(&reply.completion()?, target)?,
            Self::ReferenceAime => compat::score_aime(&reply.completion()?, target).0?,
            Self::ReferenceChoice => compat::score_choice(&reply.completion()?, target, choices(item)?),
            Self::ReferenceCall => call::compat::score(expected_call(item)?, &item.tools, reply)?,
        };
        Ok(scored(recorded))
    }
}

fn is_judged(scorer: &ScorerDefinition) -> bool {
    matches!(scorer, ScorerDefinition::Rubric | ScorerDefinition::Pairwise { .. })
}

fn choices(item: &Item) -> Result<usize, String> {
    match &item.reference {
        Reference::Choices(choices) => Ok(choices.len()),
        _ => Err(format!("{} has no choices", item.id)),
    }
}

fn tests(item: &Item) -> Result<&ProgramTests, String> {
    match &item.reference {
        Reference::Tests(tests) => Ok(tests),
        _ => Err(format!("{} has no tests", item.id)),
    }
}

fn expected_call(item: &Item) -> Result<&ExpectedCall, String> {
    match &item.reference {
        Reference::Call(call) => Ok(call),
        _ => Err(format!("{} expects no function call", item.id)),
    }
}

/// The completion for a strict scorer. A prompt that was too long for the model has an empty answer; any other status is no
/// answer at all.
fn completion(reply: &RawReply) -> Result<Completion, String> {
    match (reply.http_status, reply.completion()) {
        (None | Some(200), _) => {}
        (Some(_), Ok(_)) => return Ok(Completion::of_text("")),
        (Some(_), Err(raised)) => return Err(raised.line()),
    }
    let calls = reply.tool_calls.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_function = |call: &&Value| call["type"].as_str().is_none_or(|kind| kind == "function");
    let tool_calls = calls.iter().filter(is_function).map(tool_call).collect();
    Ok(Completion { tool_calls, ..Completion::of_text(reply.content.as_deref().unwrap_or_default()) })
}

/// A call as the model made it; what is missing or of the wrong kind is empty, and so no right call.
fn tool_call(call: &Value) -> ToolCall {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let function = &call["function"];
    ToolCall { id: text(&call["id"]), name: text(&function["name"]), arguments: text(&function["arguments"]) }
}

fn scored(recorded: Recorded) -> Scored {
    let reason = if recorded.is_right { "right for the reference" } else { "wrong for the reference" };
    let mut scored = Scored::new(f64::from(u8::from(recorded.is_right)), None, reason);
    // The reference keeps answers whole.
    scored.extracted_answer = Some(recorded.answer);
    scored
}
