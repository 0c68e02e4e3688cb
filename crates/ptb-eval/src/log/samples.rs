//! What a log says about each sample. Names of types and fields follow Inspect's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ptb_core::files;
use serde::Serialize;
use serde_json::{Map, Value};

use super::header::{Error, Usage};
use super::write::SeedLog;
use crate::data::Item;
use crate::engine::{Completion, StopReason, ToolCall};
use crate::evaluation::SampleRecord;
use crate::grader::JudgeExchange;
use crate::prompt::ChatMessage;
use crate::scorer::Scored;

#[derive(Serialize)]
pub(super) struct Sample<'a> {
    id: &'a str,
    epoch: u32,
    input: &'a str,
    target: &'a str,
    messages: Vec<Message<'a>>,
    output: Output<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<BTreeMap<&'static str, Score<'a>>>,
    metadata: BTreeMap<&'static str, Value>,
    model_usage: BTreeMap<String, Usage>,
    completed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_time: Option<f64>,
    uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

/// A function call; arguments that are no JSON object are kept as an error.
#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    function: &'a str,
    arguments: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse_error: Option<String>,
    r#type: &'static str,
}

impl<'a> Call<'a> {
    fn of(call: &'a ToolCall) -> Self {
        let parsed = serde_json::from_str(&call.arguments);
        let parse_error = parsed.as_ref().err().map(|error| format!("{error}: {}", call.arguments));
        let arguments = parsed.unwrap_or_default();
        Self { id: &call.id, function: &call.name, arguments, parse_error, r#type: "function" }
    }
}

#[derive(Serialize)]
struct Output<'a> {
    model: String,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    completion: &'a str,
}

#[derive(Serialize)]
struct Choice<'a> {
    message: Message<'a>,
    stop_reason: &'static str,
}

#[derive(Serialize)]
struct Score<'a> {
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    explanation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<ScoreMetadata<'a>>,
}

/// What a judge was asked and said.
#[derive(Serialize)]
struct ScoreMetadata<'a> {
    votes: &'a [f64],
    judge: &'a [JudgeExchange],
}

impl<'a> Sample<'a> {
    pub(super) fn of(log: &SeedLog<'_>, item: &'a Item, record: &'a SampleRecord) -> Self {
        let completion = record.completion();
        let asked = log.plan.prompter.messages(item).into_iter().map(Message::asked);
        let answered = completion.map(|completion| Message::answered(completion, log.model()));
        let score = record.scored().map(|scored| Score::of(scored, record.exchanges()));
        let seconds = completion.and_then(|completion| completion.seconds);
        Self {
            id: &item.id,
            epoch: 1,
            input: &item.question,
            target: &item.target,
            messages: asked.chain(answered).collect(),
            output: Output::of(completion, log.model()),
            scores: score.map(|score| BTreeMap::from([(log.plan.benchmark.scorer.name(), score)])),
            metadata: metadata(record),
            model_usage: BTreeMap::from([(log.model(), Usage::of([record].into_iter()))]),
            completed_at: record.finished,
            total_time: seconds,
            working_time: seconds,
            uuid: files::sha256(format!("{}/{}", log.settings, item.id).as_bytes()).chars().take(22).collect(),
            error: record.problem().map(|problem| Error::new(problem.to_owned())),
        }
    }
}

/// The seed, and what was asked of a judge without a grade in the end.
fn metadata(record: &SampleRecord) -> BTreeMap<&'static str, Value> {
    let mut metadata = BTreeMap::from([("seed", record.seed.into())]);
    let ungraded = if record.scored().is_none() { record.exchanges() } else { &[] };
    let in_vain: Vec<_> = record.earlier_exchanges.iter().chain(ungraded).collect();
    if !in_vain.is_empty() {
        metadata.insert("judge_in_vain", serde_json::to_value(in_vain).unwrap_or_default());
    }
    metadata
}

impl<'a> Message<'a> {
    fn asked(message: ChatMessage) -> Self {
        Self {
            role: message.role.name(),
            content: message.content.into(),
            source: Some("input"),
            model: None,
            tool_calls: Vec::new(),
        }
    }

    fn answered(completion: &'a Completion, model: String) -> Self {
        let content = completion.text.as_str().into();
        let tool_calls = completion.tool_calls.iter().map(Call::of).collect();
        Self { role: "assistant", content, source: Some("generate"), model: Some(model), tool_calls }
    }
}

impl<'a> Output<'a> {
    fn of(completion: Option<&'a Completion>, model: String) -> Self {
        let choice = |completion: &'a Completion| Choice {
            message: Message::answered(completion, model.clone()),
            stop_reason: stop_reason(completion.stop_reason),
        };
        Self {
            choices: completion.map(choice).into_iter().collect(),
            usage: completion.map(|completion| Usage {
                input_tokens: completion.input_tokens,
                output_tokens: completion.output_tokens,
                total_tokens: completion.input_tokens + completion.output_tokens,
            }),
            completion: completion.map_or("", |completion| completion.text.as_str()),
            model,
        }
    }
}

fn stop_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Stop => "stop",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ModelLength => "model_length",
        StopReason::ToolCalls => "tool_calls",
        StopReason::ContentFilter => "content_filter",
    }
}

impl<'a> Score<'a> {
    fn of(scored: &'a Scored, exchanges: &'a [JudgeExchange]) -> Self {
        let value = match scored.score {
            score if score >= 1.0 => "C".into(),
            score if score <= 0.0 => "I".into(),
            score => score.into(),
        };
        let metadata = (!exchanges.is_empty()).then_some(ScoreMetadata { votes: &scored.votes, judge: exchanges });
        Self { value, answer: scored.extracted_answer.as_deref(), explanation: &scored.reason, metadata }
    }
}
