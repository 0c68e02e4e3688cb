//! The thread that drives the scheduler.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::error::ApiError;
use crate::generate::{EventKind, GenerationRequest, Limits, Model, RequestError, RequestId, Scheduler};

/// News of one choice of a job.
pub(super) type ChoiceEvent = (usize, EventKind);

enum Message {
    Work(Job),
    /// Leave everything and end.
    Stop,
}

/// All choices of one HTTP request.
struct Job {
    requests: Vec<GenerationRequest>,
    accepted: oneshot::Sender<Result<(), RequestError>>,
    events: UnboundedSender<ChoiceEvent>,
    places: Arc<OwnedSemaphorePermit>,
}

/// One choice that is waiting or running.
struct Choice {
    index: usize,
    /// Closed once the client is gone.
    events: UnboundedSender<ChoiceEvent>,
    /// Given back with the last choice of the job.
    _places: Arc<OwnedSemaphorePermit>,
}

/// Hands jobs to the thread.
#[derive(Clone)]
pub(super) struct EngineHandle {
    inbox: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    queue: usize,
}

impl EngineHandle {
    /// Starts the thread. At most `queue` choices are accepted at a time, running ones included.
    pub(super) fn start(model: Arc<Model>, limits: Limits, queue: usize) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, inbox) = mpsc::channel();
        let run = move || Engine { scheduler: Scheduler::new(&model, limits), choices: HashMap::new() }.run(&inbox);
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(run)?;
        Ok((Self { inbox: sender, places: Arc::new(Semaphore::new(queue)), queue }, thread))
    }

    /// Queues all choices of a request or none of them. Dropping the receiver cancels them.
    pub(super) async fn submit(
        &self,
        requests: Vec<GenerationRequest>,
    ) -> Result<UnboundedReceiver<ChoiceEvent>, ApiError> {
        if requests.len() > self.queue {
            let message = format!("`n` is {}, but the queue has only {} places", requests.len(), self.queue);
            return Err(ApiError::invalid(message));
        }
        let places = self.places.clone().try_acquire_many_owned(requests.len() as u32);
        let places = Arc::new(places.map_err(|_| ApiError::queue_full(self.queue))?);
        let (events, receiver) = unbounded_channel();
        let (accepted, is_accepted) = oneshot::channel();
        let job = Job { requests, accepted, events, places };
        self.inbox.send(Message::Work(job)).map_err(|_| ApiError::stopping())?;
        is_accepted.await.map_err(|_| ApiError::stopping())??;
        Ok(receiver)
    }

    /// Ends the thread; whoever still waits for an answer is told so.
    pub(super) fn stop(&self) {
        // An engine that has already ended needs no message.
        drop(self.inbox.send(Message::Stop));
    }
}

struct Engine<'a> {
    scheduler: Scheduler<'a>,
    choices: HashMap<RequestId, Choice>,
}

impl Engine<'_> {
    fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        loop {
            if self.scheduler.is_idle() {
                match inbox.recv() {
                    Ok(Message::Work(job)) => self.accept(job),
                    Ok(Message::Stop) | Err(mpsc::RecvError) => return,
                }
            }
            while let Ok(message) = inbox.try_recv() {
                match message {
                    Message::Work(job) => self.accept(job),
                    Message::Stop => return,
                }
            }
            self.drop_abandoned();
            if !self.scheduler.is_idle() {
                self.step();
            }
        }
    }

    fn accept(&mut self, job: Job) {
        let mut ids = Vec::with_capacity(job.requests.len());
        for request in job.requests {
            match self.scheduler.submit(request) {
                Ok(id) => ids.push(id),
                Err(error) => {
                    for id in ids {
                        self.scheduler.cancel(id);
                    }
                    // A client that is gone does not need the answer.
                    drop(job.accepted.send(Err(error)));
                    return;
                }
            }
        }
        for (index, id) in ids.into_iter().enumerate() {
            let choice = Choice { index, events: job.events.clone(), _places: job.places.clone() };
            self.choices.insert(id, choice);
        }
        drop(job.accepted.send(Ok(())));
    }

    fn drop_abandoned(&mut self) {
        let scheduler = &mut self.scheduler;
        self.choices.retain(|id, choice| {
            let is_abandoned = choice.events.is_closed();
            if is_abandoned {
                scheduler.cancel(*id);
            }
            !is_abandoned
        });
    }

    fn step(&mut self) {
        for event in self.scheduler.step() {
            let is_last = !matches!(event.kind, EventKind::Token { .. });
            if let Some(choice) = self.choices.get(&event.id) {
                // A closed channel is found before the next step.
                drop(choice.events.send((choice.index, event.kind)));
            }
            if is_last {
                self.choices.remove(&event.id);
            }
        }
    }
}
