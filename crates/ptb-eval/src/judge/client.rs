//! Asks the judge.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use ptb_core::definitions::JudgeSettings;
use serde_json::Value;
use tokio::time::Instant;

use crate::grader::{JudgeExchange, JudgeUsage};
use crate::http::{ApiKey, Backoff, HeaderMap, HttpClient, HttpLimits};
use crate::prompt::ChatMessage;

use super::attempts::{Attempts, Next, RetryRule, Trouble};
use super::gate::Gate;
use super::heard::{Heard, Problem, hear, shown};
use super::price::cost_usd;
use super::wording::request_body;

/// Longest reply that is read, in bytes; several times what the judge's token limit can give.
const MAX_REPLY: usize = 4 << 20;

/// A judge behind an OpenAI-compatible API. Its key is in no log and in no message.
#[derive(Debug)]
pub struct Judge {
    http: HttpClient,
    url: String,
    headers: HeaderMap,
    key: ApiKey,
    settings: JudgeSettings,
    rule: RetryRule,
    backoff: Backoff,
    limits: HttpLimits,
    gate: Gate,
    asked: AtomicU64,
}

/// What the judge was asked, and what came of it.
#[derive(Debug)]
pub struct Asked<T> {
    /// For the log.
    pub exchange: JudgeExchange,
    /// The verdict.
    pub verdict: Result<T, JudgeFailure>,
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JudgeFailure {
    /// The judge answered every time, but never in a usable form.
    NoVerdict(String),
    /// The server refused this request every time.
    Refused(String),
    /// The server could not answer; it may later.
    Unanswered(String),
    /// The server will refuse every request: a wrong key, a wrong model, no credit.
    Denied(String),
}

impl Judge {
    /// A judge with the definition's settings.
    pub fn new(settings: JudgeSettings, key: ApiKey, rule: RetryRule) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", key.bearer());
        Self {
            http: HttpClient::default(),
            url: format!("{}/chat/completions", settings.base_url.trim_end_matches('/')),
            headers,
            key,
            rule,
            backoff: Backoff::default(),
            limits: HttpLimits { body_bytes: MAX_REPLY, ..HttpLimits::default() },
            gate: Gate::new(settings.concurrency, settings.requests_per_minute),
            settings,
            asked: AtomicU64::new(0),
        }
    }

    /// The same judge with other pauses while the server is not well, and another time limit for each request.
    #[must_use]
    pub fn with_patience(mut self, backoff: Backoff, limit: Duration) -> Self {
        self.backoff = backoff;
        self.limits.total = limit;
        self
    }

    /// Most requests at one time.
    pub fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1) as usize
    }

    /// Its settings.
    pub fn settings(&self) -> &JudgeSettings {
        &self.settings
    }

    /// Asks until the reply can be read as a verdict, or no attempt is left.
    pub async fn ask<T>(
        &self,
        subject: &str,
        messages: &[ChatMessage],
        read: impl Fn(&str) -> Result<T, Trouble>,
    ) -> Asked<T> {
        let mut inquiry = Inquiry::new(self, subject, request_body(&self.settings, messages));
        let verdict = loop {
            match inquiry.send(&read).await {
                Ok(verdict) => break Ok(verdict),
                Err(setback) => {
                    if let Err(failure) = inquiry.wait(setback).await {
                        break Err(failure);
                    }
                }
            }
        };
        Asked { exchange: inquiry.finish(), verdict }
    }
}

/// One question under way.
struct Inquiry<'a> {
    judge: &'a Judge,
    attempts: Attempts,
    salt: u64,
    since: Instant,
    exchange: JudgeExchange,
}

/// A request without a verdict.
struct Setback {
    problem: Problem,
    asked_pause: Option<Duration>,
    overloaded: bool,
}

impl<'a> Inquiry<'a> {
    fn new(judge: &'a Judge, subject: &str, request: Value) -> Self {
        let exchange = JudgeExchange {
            subject: subject.to_owned(),
            request,
            reply: None,
            problem: None,
            attempts: 0,
            started: Timestamp::now(),
            seconds: 0.0,
            usage: JudgeUsage::default(),
            cost_usd: 0.0,
        };
        let salt = judge.asked.fetch_add(1, Ordering::Relaxed);
        Self { judge, attempts: Attempts::new(judge.rule), salt, since: Instant::now(), exchange }
    }

    async fn send<T>(&mut self, read: &impl Fn(&str) -> Result<T, Trouble>) -> Result<T, Setback> {
        let judge = self.judge;
        let pass = judge.gate.enter().await;
        self.exchange.attempts += 1;
        let reply = judge.http.post_json(&judge.url, &judge.headers, &self.exchange.request, &judge.limits).await;
        drop(pass);
        let Heard { usage, text, asked_pause, overloaded } = hear(reply);
        self.exchange.usage = sum(self.exchange.usage, usage);
        let text = text.map_err(|problem| Setback { problem, asked_pause, overloaded })?;
        judge.gate.speed_up();
        let verdict = read(&text).map_err(|trouble| {
            let problem = Problem::new(trouble, format!("no verdict in {:?}", shown(&text)));
            Setback { problem, asked_pause, overloaded }
        })?;
        self.exchange.reply = Some(text);
        self.exchange.problem = None;
        Ok(verdict)
    }

    /// Waits until the judge may be asked again; fails where that is of no use.
    async fn wait(&mut self, setback: Setback) -> Result<(), JudgeFailure> {
        let Setback { problem, asked_pause, overloaded } = setback;
        let said = self.judge.key.redact(&problem.said);
        self.exchange.problem = Some(said.clone());
        if problem.for_all {
            return Err(JudgeFailure::Denied(said));
        }
        let trouble = self.without_refused_parameter(&problem);
        let next = self.attempts.next(trouble);
        let pause = match next {
            Next::AtOnce => Some(Duration::ZERO),
            Next::After(pause) => self.longer_of(pause, asked_pause),
            Next::BackingOff(retry) => self.judge.backoff.pause(retry, asked_pause, self.salt),
            Next::GiveUp => None,
        };
        if overloaded {
            self.judge.gate.slow_down(pause.unwrap_or_default());
        }
        tokio::time::sleep(pause.ok_or_else(|| failure(trouble, said))?).await;
        Ok(())
    }

    /// The pause of an attempt, or the longer one that the server asks for; none where that is too long.
    fn longer_of(&self, pause: Duration, asked: Option<Duration>) -> Option<Duration> {
        match asked {
            Some(asked) if asked > self.judge.backoff.most_asked => None,
            asked => Some(pause.max(asked.unwrap_or_default())),
        }
    }

    /// Some models take no `reasoning_effort`: it is left out when the server complains about it.
    fn without_refused_parameter(&mut self, problem: &Problem) -> Trouble {
        let complains = problem.trouble == Trouble::Refused && problem.said.to_lowercase().contains("reasoning");
        let parameters = self.exchange.request.as_object_mut();
        if complains && parameters.is_some_and(|body| body.shift_remove("reasoning_effort").is_some()) {
            return Trouble::ParameterRefused;
        }
        problem.trouble
    }

    fn finish(mut self) -> JudgeExchange {
        self.exchange.seconds = self.since.elapsed().as_secs_f64();
        self.exchange.cost_usd = cost_usd(&self.exchange.usage, &self.judge.settings.prices);
        self.exchange
    }
}

fn failure(trouble: Trouble, said: String) -> JudgeFailure {
    match trouble {
        Trouble::Malformed | Trouble::Unreadable => JudgeFailure::NoVerdict(said),
        Trouble::Refused | Trouble::ParameterRefused => JudgeFailure::Refused(said),
        Trouble::Unanswered => JudgeFailure::Unanswered(said),
    }
}

fn sum(a: JudgeUsage, b: JudgeUsage) -> JudgeUsage {
    JudgeUsage {
        input_tokens: a.input_tokens.saturating_add(b.input_tokens),
        cached_tokens: a.cached_tokens.saturating_add(b.cached_tokens),
        output_tokens: a.output_tokens.saturating_add(b.output_tokens),
        reasoning_tokens: a.reasoning_tokens.saturating_add(b.reasoning_tokens),
    }
}
