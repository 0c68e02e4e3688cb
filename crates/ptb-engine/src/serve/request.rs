//! What a client asks for.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::tools::{ToolUse, plain};
use crate::generate::{GenerationRequest, Model, SamplingParams};
use crate::template::{Message, RenderOptions};

/// Most completions of one request.
const MOST_CHOICES: i64 = 64;
/// Most stop texts of one request.
const MOST_STOPS: usize = 16;

/// The body of `POST /v1/chat/completions`. Numbers are signed and wide, so that a wrong one is refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatRequest {
    model: Option<String>,
    messages: Vec<Message>,
    n: Option<i64>,
    seed: Option<i64>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    stop: Option<Stop>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    min_p: Option<f64>,
    repetition_penalty: Option<f64>,
    pub(super) stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    chat_template_kwargs: Option<Map<String, Value>>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    tools: Option<Value>,
    tool_choice: Option<Value>,
    functions: Option<Value>,
    logprobs: Option<Value>,
    logit_bias: Option<Value>,
    response_format: Option<Value>,
    chat_template: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl ChatRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid(format!("the body is not a chat request: {error}")))
    }

    /// Whether the last event of a stream tells the number of tokens.
    pub(super) fn includes_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// The requests for the scheduler, one for each choice, and whether calls are looked for in the answers. `fresh_seed`
    /// is used if the client gives none.
    pub(super) fn into_generation(
        mut self,
        model: &Model,
        served: &str,
        fresh_seed: u64,
    ) -> Result<(Vec<GenerationRequest>, bool), ApiError> {
        self.check_supported()?;
        match &self.model {
            Some(asked) if asked != served => return Err(ApiError::unknown_model(asked, served)),
            _ => {}
        }
        let choices = within("n", self.n.unwrap_or(1), 1, MOST_CHOICES)?;
        let seed = self.seed.map_or(fresh_seed, i64::cast_unsigned);
        let tools = ToolUse::new(self.tools.take(), self.tool_choice.as_ref())?;
        let request = GenerationRequest {
            sampling: self.sampling(model)?,
            max_new_tokens: self.max_new_tokens()?,
            stop: self.stops()?,
            prompt: self.prompt(model, tools.definitions)?,
            seed,
        };
        let choice = |choice| GenerationRequest { seed: choice_seed(seed, choice), ..request.clone() };
        Ok(((0..choices).map(choice).collect(), tools.parses_calls))
    }

    fn check_supported(&self) -> Result<(), ApiError> {
        let empty = Value::Array(Vec::new());
        let is_used = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null() && *value != empty);
        let text_only = |format: &Value| format.get("type").and_then(Value::as_str) == Some("text");
        let refused = [
            ("`functions`", is_used(&self.functions)),
            ("`logprobs`", is_used(&self.logprobs) && self.logprobs != Some(Value::Bool(false))),
            ("`logit_bias`", is_used(&self.logit_bias) && self.logit_bias != Some(Value::Object(Map::new()))),
            ("`chat_template`", is_used(&self.chat_template)),
            (
                "a `response_format` other than text",
                self.response_format.as_ref().is_some_and(|format| !text_only(format)),
            ),
            ("`presence_penalty`", self.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
            ("`frequency_penalty`", self.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ];
        match refused.into_iter().find(|(_, is_used)| *is_used) {
            Some((what, _)) => Err(ApiError::unsupported(what)),
            None => Ok(()),
        }
    }

    /// What the client asks for, else what the checkpoint says.
    fn sampling(&self, model: &Model) -> Result<SamplingParams, ApiError> {
        let default = SamplingParams::from(model.generation());
        let top_k = match self.top_k {
            // -1 is the habit of other servers for "all".
            Some(count) => within("top_k", count, -1, i64::from(u32::MAX))?.max(0) as u32,
            None => default.top_k,
        };
        let params = SamplingParams {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k,
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(default.repetition_penalty),
        };
        params.validate().map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(params)
    }

    fn max_new_tokens(&self) -> Result<Option<usize>, ApiError> {
        let asked = self.max_completion_tokens.or(self.max_tokens);
        asked.map(|count| Ok(within("max_tokens", count, 1, i64::from(u32::MAX))? as usize)).transpose()
    }

    fn stops(&mut self) -> Result<Vec<String>, ApiError> {
        let stops = match self.stop.take() {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Many(stops)) => stops,
        };
        if stops.len() > MOST_STOPS {
            return Err(ApiError::invalid(format!(
                "`stop` has {} texts, but at most {MOST_STOPS} are allowed",
                stops.len()
            )));
        }
        Ok(stops)
    }

    fn prompt(&mut self, model: &Model, tools: Vec<Value>) -> Result<Vec<u32>, ApiError> {
        let messages = std::mem::take(&mut self.messages);
        let messages: Vec<Message> = messages.into_iter().map(plain).collect::<Result<_, _>>()?;
        let settings = self.chat_template_kwargs.take().unwrap_or_default();
        let options = RenderOptions { tools, settings, ..RenderOptions::default() };
        Ok(model.encode_chat(&messages, &options)?)
    }
}

fn within(name: &str, value: i64, least: i64, most: i64) -> Result<i64, ApiError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(ApiError::invalid(format!("`{name}` is {value}, but must be between {least} and {most}")))
    }
}

/// The first choice has the client's seed, the others seeds mixed from it (by the generator of Steele et al., 2014).
fn choice_seed(seed: u64, choice: i64) -> u64 {
    if choice == 0 {
        return seed;
    }
    let mut mixed = seed.wrapping_add(choice.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
