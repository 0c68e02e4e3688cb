//! What a client gets.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::engine::ChoiceEvent;
use super::error::ApiError;
use crate::generate::{Completion, EventKind, FinishReason};

/// What all answers to one request share.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) choices: usize,
    pub(super) includes_usage: bool,
}

#[derive(Debug, Default)]
struct Usage {
    prompt: usize,
    completion: usize,
}

impl Usage {
    /// The prompt is counted once, however many choices continue it.
    fn add(&mut self, completion: &Completion) {
        self.prompt = completion.prompt_tokens;
        self.completion += completion.completion_tokens();
    }

    fn to_json(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        })
    }
}

fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
    }
}

impl Answer {
    /// Waits for all choices.
    pub(super) async fn whole(self, mut events: UnboundedReceiver<ChoiceEvent>) -> Result<Response, ApiError> {
        let mut choices = vec![Value::Null; self.choices];
        let (mut usage, mut open) = (Usage::default(), self.choices);
        while open > 0 {
            match events.recv().await {
                None => return Err(ApiError::stopping()),
                Some((_, EventKind::Token { .. })) => {}
                Some((_, EventKind::Failed(error))) => return Err(error.into()),
                Some((index, EventKind::Finished(completion))) => {
                    usage.add(&completion);
                    open -= 1;
                    choices[index] = json!({
                        "index": index,
                        "message": {"role": "assistant", "content": completion.text},
                        "finish_reason": reason(completion.finish_reason),
                        "logprobs": null,
                    });
                }
            }
        }
        let mut body = self.envelope("chat.completion", &choices);
        body["usage"] = usage.to_json();
        Ok(Json(body).into_response())
    }

    /// Sends every piece as it comes.
    pub(super) fn stream(self, events: UnboundedReceiver<ChoiceEvent>) -> Response {
        let opening =
            (0..self.choices).map(|index| self.chunk(index, &json!({"role": "assistant", "content": ""}), None));
        let ready = opening.map(|chunk| data(&chunk)).collect();
        let open = self.choices;
        let state = Streaming { answer: self, events, ready, usage: Usage::default(), open, is_done: false };
        let stream = stream::unfold(state, |mut state| async {
            let event = state.next().await?;
            Some((Ok::<_, Infallible>(event), state))
        });
        Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
    }

    fn envelope(&self, object: &str, choices: &[Value]) -> Value {
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices})
    }

    fn chunk(&self, index: usize, delta: &Value, finish: Option<FinishReason>) -> Value {
        let choice = json!({"index": index, "delta": delta, "finish_reason": finish.map(reason), "logprobs": null});
        self.envelope("chat.completion.chunk", &[choice])
    }
}

fn data(value: &Value) -> Event {
    Event::default().data(value.to_string())
}

/// A stream between two events.
struct Streaming {
    answer: Answer,
    events: UnboundedReceiver<ChoiceEvent>,
    /// Events that are to be sent before the next news.
    ready: VecDeque<Event>,
    usage: Usage,
    /// Choices that have not ended.
    open: usize,
    is_done: bool,
}

impl Streaming {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_done {
                return None;
            }
            match self.events.recv().await {
                Some((index, kind)) => self.take(index, kind),
                None => self.fail(&ApiError::stopping()),
            }
        }
    }

    fn take(&mut self, index: usize, kind: EventKind) {
        match kind {
            EventKind::Token { text, .. } if text.is_empty() => {}
            EventKind::Token { text, .. } => {
                let chunk = self.answer.chunk(index, &json!({"content": text}), None);
                self.ready.push_back(data(&chunk));
            }
            EventKind::Failed(error) => self.fail(&error.into()),
            EventKind::Finished(completion) => {
                self.usage.add(&completion);
                let chunk = self.answer.chunk(index, &json!({}), Some(completion.finish_reason));
                self.ready.push_back(data(&chunk));
                self.open -= 1;
                if self.open == 0 {
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        if self.answer.includes_usage {
            let mut chunk = self.answer.envelope("chat.completion.chunk", &[]);
            chunk["usage"] = self.usage.to_json();
            self.ready.push_back(data(&chunk));
        }
        self.ready.push_back(Event::default().data("[DONE]"));
        self.is_done = true;
    }

    fn fail(&mut self, error: &ApiError) {
        self.ready.push_back(data(&error.to_json()));
        self.is_done = true;
    }
}
