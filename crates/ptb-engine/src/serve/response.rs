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
use super::tools::listed;
use crate::generate::{Completion, EventKind, FinishReason};
use crate::tool_call::{GrowingReply, Reply};

/// What all answers to one request share.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) choices: usize,
    /// Look for function calls in the answers.
    pub(super) parses_calls: bool,
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

fn reason(reason: FinishReason, calls: bool) -> &'static str {
    match reason {
        _ if calls => "tool_calls",
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
                    choices[index] = self.choice(index, &completion);
                }
            }
        }
        let mut body = self.envelope("chat.completion", &choices);
        body["usage"] = usage.to_json();
        Ok(Json(body).into_response())
    }

    fn choice(&self, index: usize, completion: &Completion) -> Value {
        let reply = if self.parses_calls { Reply::parse(&completion.text) } else { Reply::default() };
        let calls = !reply.calls.is_empty();
        let message = if calls {
            let content = (!reply.content.is_empty()).then_some(reply.content);
            json!({"role": "assistant", "content": content, "tool_calls": listed(&self.id, index, &reply.calls)})
        } else {
            json!({"role": "assistant", "content": completion.text})
        };
        let finish_reason = reason(completion.finish_reason, calls);
        json!({"index": index, "message": message, "finish_reason": finish_reason, "logprobs": null})
    }

    /// Sends every piece as it comes; calls come whole at the end.
    pub(super) fn stream(self, events: UnboundedReceiver<ChoiceEvent>) -> Response {
        let opening =
            (0..self.choices).map(|index| self.chunk(index, &json!({"role": "assistant", "content": ""}), None));
        let ready = opening.map(|chunk| data(&chunk)).collect();
        let open = self.choices;
        let replies = (0..if self.parses_calls { open } else { 0 }).map(|_| GrowingReply::default()).collect();
        let state = Streaming { answer: self, events, ready, replies, usage: Usage::default(), open, is_done: false };
        let stream = stream::unfold(state, |mut state| async {
            let event = state.next().await?;
            Some((Ok::<_, Infallible>(event), state))
        });
        Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
    }

    fn envelope(&self, object: &str, choices: &[Value]) -> Value {
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices})
    }

    fn chunk(&self, index: usize, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": index, "delta": delta, "finish_reason": finish, "logprobs": null});
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
    /// What each choice has not sent yet because it may be a call; empty where nobody looks for calls.
    replies: Vec<GrowingReply>,
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
            EventKind::Token { text, .. } => {
                let text = self.replies.get_mut(index).map(|reply| reply.push(&text)).unwrap_or(text);
                self.say(index, &text);
            }
            EventKind::Failed(error) => self.fail(&error.into()),
            EventKind::Finished(completion) => {
                self.usage.add(&completion);
                let calls = self.rest(index);
                let finish = reason(completion.finish_reason, calls);
                let chunk = self.answer.chunk(index, &json!({}), Some(finish));
                self.ready.push_back(data(&chunk));
                self.open -= 1;
                if self.open == 0 {
                    self.end();
                }
            }
        }
    }

    fn say(&mut self, index: usize, text: &str) {
        if !text.is_empty() {
            let chunk = self.answer.chunk(index, &json!({"content": text}), None);
            self.ready.push_back(data(&chunk));
        }
    }

    /// Sends what was held back; whether there are calls in it.
    fn rest(&mut self, index: usize) -> bool {
        let reply = self.replies.get_mut(index).map(std::mem::take).unwrap_or_default().finish();
        self.say(index, &reply.content);
        let mut calls = listed(&self.answer.id, index, &reply.calls);
        if !calls.is_empty() {
            // In a stream a call is told by its place.
            calls.iter_mut().enumerate().for_each(|(place, call)| call["index"] = place.into());
            let chunk = self.answer.chunk(index, &json!({"tool_calls": calls}), None);
            self.ready.push_back(data(&chunk));
        }
        !reply.calls.is_empty()
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    const CALLS: &str = "I look.<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";

    fn answer(parses_calls: bool) -> Answer {
        let (id, model) = ("one".to_owned(), "tiny".to_owned());
        Answer { id, model, created: 0, choices: 1, parses_calls, includes_usage: false }
    }

    /// The body of the response to a completion that comes in pieces of three bytes.
    fn body(text: &str, parses_calls: bool, streams: bool) -> String {
        let (sender, events) = unbounded_channel();
        for piece in text.as_bytes().chunks(3) {
            let text = String::from_utf8(piece.to_vec()).unwrap();
            sender.send((0, EventKind::Token { token: 0, text })).unwrap();
        }
        let completion =
            Completion { text: text.to_owned(), tokens: vec![0], finish_reason: FinishReason::Stop, prompt_tokens: 1 };
        sender.send((0, EventKind::Finished(completion))).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bytes = runtime.block_on(async {
            let answer = answer(parses_calls);
            let response = if streams { answer.stream(events) } else { answer.whole(events).await.unwrap() };
            axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()
        });
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn calls_are_told_apart_from_text() {
        let whole: Value = serde_json::from_str(&body(CALLS, true, false)).unwrap();
        let choice = &whole["choices"][0];
        let call =
            json!({"id": "call-one-0-0", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}});
        assert_eq!(choice["message"], json!({"role": "assistant", "content": "I look.", "tool_calls": [call]}));
        assert_eq!(choice["finish_reason"], "tool_calls");
        let whole: Value = serde_json::from_str(&body(CALLS, false, false)).unwrap();
        assert_eq!(whole["choices"][0]["message"], json!({"role": "assistant", "content": CALLS}));
        let whole: Value = serde_json::from_str(&body(&CALLS[7..], true, false)).unwrap();
        assert_eq!(whole["choices"][0]["message"]["content"], Value::Null);
    }

    /// All content of a stream, its calls, and why it ended.
    fn streamed(text: &str) -> (String, Value, Value) {
        let (mut content, mut calls, mut finish) = (String::new(), Value::Null, Value::Null);
        let body = body(text, true, true);
        for event in body.lines().filter_map(|line| line.strip_prefix("data: {")) {
            let choice = &serde_json::from_str::<Value>(&format!("{{{event}")).unwrap()["choices"][0];
            content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            for (kept, value) in [(&mut calls, &choice["delta"]["tool_calls"]), (&mut finish, &choice["finish_reason"])]
            {
                if !value.is_null() {
                    *kept = value.clone();
                }
            }
        }
        (content, calls, finish)
    }

    #[test]
    fn a_stream_sends_the_same_calls_once_they_are_whole() {
        let (content, calls, finish) = streamed(CALLS);
        assert_eq!((content.as_str(), finish), ("I look.", json!("tool_calls")));
        assert_eq!((&calls[0]["function"]["arguments"], &calls[0]["index"]), (&json!("{\"a\": 1}"), &json!(0)));
        let broken = &CALLS[..CALLS.len() - 20];
        assert_eq!(streamed(broken), (broken.to_owned(), Value::Null, json!("stop")));
        assert_eq!(streamed("a <tool"), ("a <tool".to_owned(), Value::Null, json!("stop")));
    }
}
