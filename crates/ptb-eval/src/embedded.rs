//! The embedded decoder as an engine.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use ptb_core::definitions::{Family, SamplingOverrides};
use ptb_engine::generate::{
    Completion as Generated, EventKind, FinishReason, GenerationError, GenerationRequest, Limits, Model, ModelError,
    RequestError, RequestId, SamplingError, SamplingParams, Scheduler,
};
use ptb_engine::template::{ChatTemplate, Message, RenderOptions, TemplateError};
use ptb_engine::tool_call::{FunctionCall, Reply};
use serde_json::{Value, json};
use thiserror::Error;

use crate::engine::{ChatRequest, Completion, Engine, EngineError, OnCompletion, StopReason, ToolCall, ToolDefinition};

/// A model that the embedded engine cannot run.
#[derive(Debug, Error)]
pub enum EmbeddedError {
    /// The template does not compile.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The checkpoint is not usable.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The checkpoint, or the benchmark's definition, asks for impossible sampling.
    #[error("the model's generation_config.json, or the benchmark's `sampling`, cannot be used: {0}")]
    Sampling(#[from] SamplingError),
}

/// The decoder in this process.
#[derive(Debug)]
pub struct EmbeddedEngine {
    model: Model,
    sampling: SamplingParams,
    limits: Limits,
}

impl EmbeddedEngine {
    /// Loads a checkpoint folder. The family of the base model decides the chat template; the folder's
    /// `generation_config.json` decides the sampling.
    pub fn load(folder: &Path, family: Family, limits: Limits) -> Result<Self, EmbeddedError> {
        let model = Model::load(folder, ChatTemplate::for_family(family)?)?;
        let sampling = SamplingParams::from(model.generation());
        sampling.validate()?;
        Ok(Self { model, sampling, limits })
    }

    /// The engine with the parameters that a benchmark sends in place of the checkpoint's own.
    pub fn overridden(mut self, overrides: &SamplingOverrides) -> Result<Self, EmbeddedError> {
        let SamplingOverrides { temperature, top_p, top_k } = *overrides;
        self.sampling.temperature = temperature.unwrap_or(self.sampling.temperature);
        self.sampling.top_p = top_p.unwrap_or(self.sampling.top_p);
        self.sampling.top_k = top_k.unwrap_or(self.sampling.top_k);
        self.sampling.validate()?;
        Ok(self)
    }

    /// The request in tokens. The checkpoint may ask for shorter answers, never for longer ones.
    fn tokens(&self, request: &ChatRequest) -> Result<GenerationRequest, EngineError> {
        let messages: Vec<_> =
            request.messages.iter().map(|message| Message::new(message.role.name(), &message.content)).collect();
        let tools = request.tools.iter().map(tool).collect();
        let prompt = self.model.encode_chat(&messages, &RenderOptions { tools, ..RenderOptions::default() });
        let prompt = prompt.map_err(|error| EngineError::Request(error.to_string()))?;
        let own_limit = self.model.generation().max_new_tokens.map_or(usize::MAX, |limit| limit as usize);
        let mut generation = self.model.request(prompt, request.seed);
        generation.sampling = self.sampling.clone();
        generation.max_new_tokens = Some(own_limit.min(request.max_tokens as usize));
        Ok(generation)
    }
}

/// A tool as the chat templates print it.
fn tool(ToolDefinition { name, description, parameters }: &ToolDefinition) -> Value {
    json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}})
}

impl Engine for EmbeddedEngine {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn is_greedy(&self) -> bool {
        self.sampling.is_greedy()
    }

    fn generate(&self, requests: Vec<ChatRequest>, on_completion: OnCompletion<'_>) -> Result<(), EngineError> {
        let mut scheduler = Scheduler::new(&self.model, self.limits);
        let mut places: HashMap<RequestId, Place> = HashMap::new();
        for (index, request) in requests.iter().enumerate() {
            let generation = self.tokens(request);
            let answer = match generation.map(|generation| (generation.prompt.len(), scheduler.submit(generation))) {
                Ok((_, Ok(id))) => {
                    places.insert(
                        id,
                        Place { index, max_tokens: request.max_tokens, parses_calls: !request.tools.is_empty() },
                    );
                    continue;
                }
                Ok((length, Err(error))) => refused(&error, length),
                Err(error) => Err(error),
            };
            if on_completion(index, answer).is_break() {
                return Ok(());
            }
        }
        while !scheduler.is_idle() {
            for event in scheduler.step() {
                let Some(place) = places.get(&event.id) else { continue };
                if place.report(event.kind, on_completion).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Where an answer belongs.
struct Place {
    index: usize,
    max_tokens: u32,
    /// The request has tools, so calls of them are looked for.
    parses_calls: bool,
}

impl Place {
    fn report(&self, kind: EventKind, on_completion: OnCompletion<'_>) -> ControlFlow<()> {
        match kind {
            EventKind::Token { .. } => ControlFlow::Continue(()),
            EventKind::Finished(generated) => on_completion(self.index, Ok(self.completion(generated))),
            EventKind::Failed(error) => on_completion(self.index, Err(failed(&error))),
        }
    }

    fn completion(&self, generated: Generated) -> Completion {
        let output_tokens = generated.completion_tokens() as u64;
        let stop_reason = match generated.finish_reason {
            FinishReason::Stop => StopReason::Stop,
            FinishReason::Length if output_tokens < u64::from(self.max_tokens) => StopReason::ModelLength,
            FinishReason::Length => StopReason::MaxTokens,
        };
        let input_tokens = generated.prompt_tokens as u64;
        let (text, tool_calls) = self.reply(generated.text);
        Completion { tool_calls, stop_reason, input_tokens, output_tokens, ..Completion::of_text(text) }
    }

    fn reply(&self, text: String) -> (String, Vec<ToolCall>) {
        if !self.parses_calls {
            return (text, Vec::new());
        }
        let Reply { content, calls } = Reply::parse(&text);
        let named = calls.into_iter().enumerate().map(|(place, FunctionCall { name, arguments })| ToolCall {
            id: format!("call-{place}"),
            name,
            arguments,
        });
        (content, named.collect())
    }
}

/// A prompt that fills the context gets an empty answer, which is wrong but no failure of the bench.
fn refused(error: &RequestError, length: usize) -> Result<Completion, EngineError> {
    match error {
        RequestError::PromptTooLong { .. } => Ok(Completion {
            stop_reason: StopReason::ModelLength,
            input_tokens: length as u64,
            ..Completion::of_text("")
        }),
        RequestError::CacheTooSmall { .. } => Err(EngineError::Failed(error.to_string())),
        _ => Err(EngineError::Request(error.to_string())),
    }
}

fn failed(error: &GenerationError) -> EngineError {
    match error {
        GenerationError::Decoder(_) => EngineError::Failed(error.to_string()),
        GenerationError::NotFinite { .. } | GenerationError::Tokenizer(_) => EngineError::Request(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_looked_for_where_the_request_has_tools() {
        let text = "I look.<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.0]}}</tool_call>";
        let completion = |parses_calls| {
            let generated = Generated {
                text: text.to_owned(),
                tokens: vec![1, 2],
                finish_reason: FinishReason::Stop,
                prompt_tokens: 3,
            };
            Place { index: 0, max_tokens: 9, parses_calls }.completion(generated)
        };
        let plain = Completion { input_tokens: 3, output_tokens: 2, ..Completion::of_text(text) };
        assert_eq!(completion(false), plain);
        let call =
            ToolCall { id: "call-0".to_owned(), name: "f".to_owned(), arguments: "{\"a\": [1, 2.0]}".to_owned() };
        assert_eq!(completion(true), Completion { text: "I look.".to_owned(), tool_calls: vec![call], ..plain });
    }
}
