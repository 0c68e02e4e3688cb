//! Keeps the requests going: as many at a time as the server takes, each until it has an outcome.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::outcome::{Outcome, outcome_of};
use super::request::request_body;
use super::trouble::{Patience, Streak, Trouble, TroubleKind};
use super::window::Window;
use crate::engine::{ChatRequest, Completion, EngineError};
use crate::http::{ApiKey, Backoff, HeaderMap, HttpClient, HttpLimits};

/// An answer and the index of its request.
pub(super) type Answer = (usize, Result<Completion, EngineError>);

/// Sends single requests.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) client: HttpClient,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) key: Option<ApiKey>,
    pub(super) model: String,
    pub(super) send_seed: bool,
    pub(super) limits: HttpLimits,
}

impl Asker {
    async fn ask(&self, request: &ChatRequest) -> Outcome {
        let body = request_body(&self.model, request, self.send_seed);
        let started = Instant::now();
        let reply = self.client.post_json(&self.url, &self.headers, &body, &self.limits).await;
        match outcome_of(reply, request.max_tokens) {
            Outcome::Answer(completion) => {
                let seconds = Some(started.elapsed().as_secs_f64());
                Outcome::Answer(Completion { seconds, ..completion.bounded() })
            }
            Outcome::Sample(message) => Outcome::Sample(self.redact(&message)),
            Outcome::Failed(message) => Outcome::Failed(self.redact(&message)),
            Outcome::Unavailable(message) => Outcome::Unavailable(self.redact(&message)),
            Outcome::Again(trouble) => Outcome::Again(Trouble { message: self.redact(&trouble.message), ..trouble }),
        }
    }

    fn redact(&self, message: &str) -> String {
        self.key.as_ref().map_or_else(|| message.to_owned(), |key| key.redact(message))
    }
}

/// A request on its way.
struct Job {
    index: usize,
    request: ChatRequest,
    /// Attempts that are over.
    attempts: u32,
}

/// All requests of one call.
pub(super) struct Driver {
    asker: Arc<Asker>,
    backoff: Backoff,
    patience: Patience,
    ready: VecDeque<Job>,
    /// By the time of the next attempt.
    waiting: BTreeMap<(Instant, usize), Job>,
    running: JoinSet<(Job, Outcome)>,
    window: Window,
    streak: Streak,
    /// The server asked for a pause until then.
    paused: Option<Instant>,
}

impl Driver {
    pub(super) fn new(
        asker: Arc<Asker>,
        requests: Vec<ChatRequest>,
        connections: usize,
        backoff: Backoff,
        patience: Patience,
    ) -> Self {
        let job = |(index, request)| Job { index, request, attempts: 0 };
        Self {
            asker,
            backoff,
            patience,
            ready: requests.into_iter().enumerate().map(job).collect(),
            waiting: BTreeMap::new(),
            running: JoinSet::new(),
            window: Window::new(connections),
            streak: Streak::default(),
            paused: None,
        }
    }

    /// Answers all requests, as long as somebody takes the answers and `stop` names no reason to end.
    pub(super) async fn run(
        mut self,
        answers: mpsc::Sender<Answer>,
        mut stop: watch::Receiver<Option<String>>,
    ) -> Result<(), EngineError> {
        loop {
            let wake = self.start_due(Instant::now());
            if self.running.is_empty() && wake.is_none() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = answers.closed() => return Ok(()),
                reason = stopped(&mut stop) => return Err(EngineError::Failed(reason)),
                Some(joined) = self.running.join_next() => {
                    let (job, outcome) = joined.map_err(|error| EngineError::Failed(error.to_string()))?;
                    if let Some(answer) = self.settle(job, outcome)? && answers.send(answer).await.is_err() {
                        return Ok(());
                    }
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Starts what may start, and says when something waiting is due.
    fn start_due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= now
        {
            self.ready.push_front(entry.remove());
        }
        let paused = self.paused.filter(|until| *until > now);
        while paused.is_none()
            && self.running.len() < self.window.size()
            && let Some(job) = self.ready.pop_front()
        {
            let asker = Arc::clone(&self.asker);
            self.running.spawn(async move {
                let outcome = asker.ask(&job.request).await;
                (job, outcome)
            });
        }
        let next = self.waiting.keys().next().map(|(due, _)| *due);
        match paused {
            Some(until) if !self.ready.is_empty() => Some(until),
            _ => next,
        }
    }

    /// What an attempt leads to: an answer, another attempt, or the end of everything.
    fn settle(&mut self, job: Job, outcome: Outcome) -> Result<Option<Answer>, EngineError> {
        match outcome {
            Outcome::Answer(completion) => {
                self.window.answered();
                self.streak.end();
                Ok(Some((job.index, Ok(completion))))
            }
            Outcome::Sample(message) => {
                self.streak.end();
                Ok(Some((job.index, Err(EngineError::Request(message)))))
            }
            Outcome::Failed(message) => Err(EngineError::Failed(message)),
            Outcome::Unavailable(message) => Err(EngineError::Unavailable(message)),
            Outcome::Again(trouble) => self.try_again(job, &trouble, Instant::now()),
        }
    }

    fn try_again(&mut self, mut job: Job, trouble: &Trouble, now: Instant) -> Result<Option<Answer>, EngineError> {
        self.streak.add(job.index, trouble.kind, now);
        if self.streak.is_hopeless(&self.patience, now) {
            let message = format!("the server answers no more; the last trouble: {}", trouble.message);
            return Err(EngineError::Failed(message));
        }
        if trouble.kind == TroubleKind::Overload {
            // The request that met it was open, too.
            self.window.overloaded(self.running.len() + 1, now);
        }
        job.attempts += 1;
        let given_up = |reason: String| Ok(Some((job.index, Err(EngineError::Request(reason)))));
        // A server that is in trouble gets its time; the request has no part in it.
        if job.attempts >= self.patience.attempts(trouble.kind) && !self.streak.is_about_server() {
            return given_up(format!("given up after {} attempts: {}", job.attempts, trouble.message));
        }
        let Some(pause) = self.backoff.pause(job.attempts - 1, trouble.asked, job.index as u64) else {
            let asked = trouble.asked.unwrap_or_default();
            return given_up(format!("the server asks for a pause of {asked:?}: {}", trouble.message));
        };
        if trouble.kind == TroubleKind::Overload && trouble.asked.is_some() {
            self.paused = self.paused.max(Some(now + pause));
        }
        self.waiting.insert((now + pause, job.index), job);
        Ok(None)
    }
}

/// The reason to stop, once there is one.
async fn stopped(stop: &mut watch::Receiver<Option<String>>) -> String {
    match stop.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
        Ok(Some(reason)) => reason,
        // Nobody is left who could give one.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
