//! The conversation about one answer: calls from the checker to the answer, plain values back.

use std::time::Instant;

use super::channel::{Channel, News, Undelivered, wait};
use super::frame::Frame;
use super::plain::{number, split, to_number, to_shown_text};

/// What the conversation led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every test ran and held.
    Passed,
    /// A test did not hold, or the answer failed in another way.
    Wrong(String),
    /// The answer's process ended or closed its channel, while it was to do this.
    Ended(&'static str),
    /// The answer did not come to its end in time, because of this.
    Late(&'static str),
    /// The tests cannot be used, whatever the answer is.
    BadTests(String),
    /// The checker failed.
    CheckerFailed(&'static str),
}

/// One answer and its tests.
pub(super) struct Job {
    /// Loads the program.
    pub(super) program: Frame,
    /// Starts the tests.
    pub(super) tests: Frame,
    /// Names this conversation in the checker's last message.
    pub(super) nonce: u64,
    /// Names the first call; hard to guess, so that a reply in advance cannot match.
    pub(super) first_call: u64,
}

/// What the answer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Loading,
    Waiting,
    Calling,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Doing::Loading => "running the program",
            Doing::Waiting => "waiting for a call",
            Doing::Calling => "calling the function",
        }
    }
}

/// What the checker is doing at the end of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckerIs {
    /// It has said how the tests ended.
    Finished,
    /// It waits for the reply to a call.
    Waiting,
    /// It may be in the middle of anything.
    Busy,
}

/// The conversation about one answer.
pub(super) struct Conversation<'a> {
    answer: &'a mut Channel,
    checker: &'a mut Channel,
    job: &'a Job,
    deadline: Instant,
    doing: Doing,
    call: u64,
    /// A call that waits until the program has run.
    pending: Option<Vec<u8>>,
    passed: bool,
    /// Whether the checker has said how the tests ended.
    finished: bool,
}

/// Why a conversation cannot go on.
type Stop = Outcome;

impl<'a> Conversation<'a> {
    pub(super) fn new(answer: &'a mut Channel, checker: &'a mut Channel, job: &'a Job, deadline: Instant) -> Self {
        let call = job.first_call;
        Self {
            answer,
            checker,
            job,
            deadline,
            doing: Doing::Loading,
            call,
            pending: None,
            passed: false,
            finished: false,
        }
    }

    /// Leads the conversation to its end, and says what the checker is doing then.
    pub(super) fn run(mut self) -> (Outcome, CheckerIs) {
        let outcome = self.lead().unwrap_or_else(|stop| stop);
        let checker = match self.finished {
            _ if matches!(outcome, Outcome::CheckerFailed(_)) => CheckerIs::Busy,
            true => CheckerIs::Finished,
            false if self.pending.is_some() || self.doing == Doing::Calling => CheckerIs::Waiting,
            false => CheckerIs::Busy,
        };
        (outcome, checker)
    }

    fn lead(&mut self) -> Result<Outcome, Stop> {
        self.checker
            .send(&self.job.tests, self.deadline)
            .map_err(|_| Outcome::CheckerFailed("did not take the tests"))?;
        deliver(self.answer, &self.job.program, self.deadline, self.doing)?;
        loop {
            while self.hear_answer()? | self.hear_checker()? {}
            if self.passed && self.doing == Doing::Waiting {
                return self.take_leave();
            }
            if !wait(&mut [self.answer, self.checker], self.deadline) {
                return Err(Outcome::Late(self.doing.words()));
            }
        }
    }

    /// Handles a message of the answer, if there is one.
    fn hear_answer(&mut self) -> Result<bool, Stop> {
        match self.answer.news() {
            News::None => Ok(false),
            News::Bad => Err(bad_channel()),
            News::End => Err(Outcome::Ended(self.doing.words())),
            News::Frame(frame) => self.on_answer(&frame).map(|()| true),
        }
    }

    fn on_answer(&mut self, frame: &Frame) -> Result<(), Stop> {
        match (self.doing, frame.kind) {
            (Doing::Loading, b'R') => {
                self.doing = Doing::Waiting;
                self.pass_on_call()
            }
            (Doing::Loading, b'E') => {
                let [name, message] = split(&frame.body).map_err(|_| bad_channel())?;
                Err(Outcome::Wrong(format!("the program failed: {}", shown(name, message))))
            }
            (Doing::Calling, b'V') => {
                let [id, _, changed] = split::<3>(&frame.body).map_err(|_| bad_channel())?;
                if !matches!(changed.first(), Some(b'N' | b'l')) {
                    return Err(bad_channel());
                }
                self.pass_on_reply(frame, id)
            }
            (Doing::Calling, b'X') => {
                let [id, ..] = split::<4>(&frame.body).map_err(|_| bad_channel())?;
                self.pass_on_reply(frame, id)
            }
            (Doing::Calling, b'U') => {
                let [id, _] = split::<2>(&frame.body).map_err(|_| bad_channel())?;
                self.pass_on_reply(frame, id)
            }
            _ => Err(bad_channel()),
        }
    }

    /// Gives the checker a reply without the call's name, which must be the one that is awaited.
    fn pass_on_reply(&mut self, frame: &Frame, id: &[u8]) -> Result<(), Stop> {
        if to_number(id) != Some(self.call) {
            return Err(bad_channel());
        }
        self.doing = Doing::Waiting;
        let reply = Frame::new(frame.kind, &[&frame.body[id.len()..]]);
        self.checker.send(&reply, self.deadline).map_err(|problem| match problem {
            Undelivered::Late => Outcome::Late("comparing what the function gave"),
            Undelivered::Gone => Outcome::CheckerFailed("ended"),
        })
    }

    /// Handles a message of the checker, if there is one. What comes after its last word is for the next conversation.
    fn hear_checker(&mut self) -> Result<bool, Stop> {
        if self.finished {
            return Ok(false);
        }
        match self.checker.news() {
            News::None => Ok(false),
            News::Bad => Err(Outcome::CheckerFailed("wrote something that is no message")),
            News::End => Err(Outcome::CheckerFailed("ended")),
            News::Frame(frame) => self.on_checker(frame).map(|()| true),
        }
    }

    fn on_checker(&mut self, frame: Frame) -> Result<(), Stop> {
        if frame.kind == b'C' {
            self.pending = Some(frame.body);
            return self.pass_on_call();
        }
        self.finished = true;
        let unreadable = |_| Outcome::CheckerFailed("wrote something that is no message");
        if frame.kind == b'P' {
            let [nonce] = split(&frame.body).map_err(unreadable)?;
            self.passed = to_number(nonce) == Some(self.job.nonce);
            return if self.passed { Ok(()) } else { Err(Outcome::CheckerFailed("speaks of another answer")) };
        }
        let [nonce, name, message] = split(&frame.body).map_err(unreadable)?;
        match frame.kind {
            _ if to_number(nonce) != Some(self.job.nonce) => Err(Outcome::CheckerFailed("speaks of another answer")),
            b'F' => Err(Outcome::Wrong(format!("a test failed: {}", shown(name, message)))),
            b'B' => Err(Outcome::BadTests(shown(name, message))),
            _ => Err(Outcome::CheckerFailed("wrote a message of an unknown kind")),
        }
    }

    /// Sends the call that waits, once the program has run.
    fn pass_on_call(&mut self) -> Result<(), Stop> {
        if self.doing != Doing::Waiting {
            return Ok(());
        }
        let Some(call) = self.pending.take() else { return Ok(()) };
        if self.answer.has_unread() {
            self.pending = Some(call);
            return Err(bad_channel());
        }
        self.call = self.call.wrapping_add(1);
        self.doing = Doing::Calling;
        deliver(self.answer, &Frame::new(b'C', &[&number(self.call), &call]), self.deadline, self.doing)
    }

    /// Right answers have to come to an end, too: their threads and child processes let go of the outputs in time.
    fn take_leave(&mut self) -> Result<Outcome, Stop> {
        // One that is gone already has come to its end.
        let _ = self.answer.send(&Frame::new(b'Q', &[]), self.deadline);
        while !self.answer.is_quiet() {
            if !wait(&mut [self.answer], self.deadline) {
                return Err(Outcome::Late("waiting for threads and processes that it started"));
            }
            while matches!(self.answer.news(), News::Frame(_)) {}
            if matches!(self.answer.news(), News::Bad) {
                return Err(bad_channel());
            }
        }
        Ok(Outcome::Passed)
    }
}

fn deliver(answer: &mut Channel, frame: &Frame, deadline: Instant, doing: Doing) -> Result<(), Stop> {
    answer.send(frame, deadline).map_err(|problem| match problem {
        Undelivered::Late => Outcome::Late(doing.words()),
        Undelivered::Gone => Outcome::Ended(doing.words()),
    })
}

fn bad_channel() -> Outcome {
    Outcome::Wrong("the program wrote to the channel of its process".to_owned())
}

fn shown(name: &[u8], message: &[u8]) -> String {
    let name = to_shown_text(name).unwrap_or_else(|| "?".to_owned());
    match to_shown_text(message) {
        Some(message) if !message.is_empty() => format!("{name}: {message}"),
        _ => name,
    }
}
