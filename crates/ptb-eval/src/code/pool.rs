//! Several answers at a time, with processes made ahead.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ptb_sandbox::{EffectiveProtection, ExitReason};
use serde::{Deserialize, Serialize};

use super::broker::{CheckerIs, Conversation, Job, Outcome};
use super::channel::{Channel, News, wait};
use super::config::CodeConfig;
use super::error::PoolError;
use super::frame::Frame;
use super::interpreter::Interpreter;
use super::nursery::{Nursery, Undertaker};
use super::plain::{number, text, texts};
use super::process::{Role, start};
use crate::data::ProgramTests;

/// Time for our own processes to start, and for the checker to get ready for the next answer.
const READY: Duration = Duration::from_mins(1);

/// Threads for each worker that make sandboxes, and that end them. Either takes the kernel several times as long as most
/// answers take to be checked, but next to no processor time.
const HELPERS: usize = 4;

/// Most of these threads, unless there are more workers.
const MAX_HELPERS: usize = 32;

/// Whether an answer is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether every test ran and held.
    pub passed: bool,
    /// Why, in a sentence.
    pub reason: String,
}

/// Processes that check answers; at most as many at a time as it has workers.
#[derive(Debug)]
pub struct Pool {
    config: CodeConfig,
    interpreter: Interpreter,
    protection: EffectiveProtection,
    idle: Mutex<Vec<Worker>>,
    freed: Condvar,
    /// Processes for the next answers.
    answers: Nursery,
    undertaker: Undertaker,
}

/// What a worker keeps from one answer to the next.
#[derive(Debug, Default)]
struct Worker {
    checker: Option<Channel>,
}

impl Pool {
    /// Finds the interpreter, and makes a first process to learn whether that works.
    pub fn new(config: CodeConfig) -> Result<Self, PoolError> {
        let interpreter = Interpreter::find(config.python.as_deref().unwrap_or(Path::new("python3")))?;
        let (mut first, protection) = start(Role::Answer, &config, &interpreter)?;
        if !is_ready(&mut first) {
            return Err(never_ready(&interpreter, first));
        }
        let workers = config.workers.max(1);
        let helpers = (workers * HELPERS).min(workers.max(MAX_HELPERS));
        let (for_answers, with) = (config.clone(), interpreter.clone());
        let answers =
            Nursery::new(helpers, move || start(Role::Answer, &for_answers, &with).map(|(channel, _)| channel))?;
        let undertaker = Undertaker::new(helpers)?;
        undertaker.bury(first);
        let idle = Mutex::new((0..workers).map(|_| Worker::default()).collect());
        Ok(Self { config, interpreter, protection, idle, freed: Condvar::new(), answers, undertaker })
    }

    /// The interpreter that runs the programs.
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// What protects the host and the tests.
    pub fn protection(&self) -> &EffectiveProtection {
        &self.protection
    }

    /// How programs are run.
    pub fn config(&self) -> &CodeConfig {
        &self.config
    }

    /// The version of the language that programs must be valid in.
    pub(super) fn minor(&self) -> u8 {
        if self.config.minor == 0 { self.interpreter.minor } else { self.config.minor }
    }

    /// Ends a process without waiting for its end.
    pub(super) fn bury(&self, process: Channel) {
        self.undertaker.bury(process);
    }

    /// Checks one answer, given as the code that follows the prompt. Waits for a free worker.
    pub fn check(&self, tests: &ProgramTests, code: &str) -> Result<Verdict, PoolError> {
        let mut worker = self.take_worker();
        let verdict = self.check_with(&mut worker, tests, code);
        self.lock().push(worker);
        self.freed.notify_one();
        verdict
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_worker(&self) -> Worker {
        let mut idle = self.lock();
        loop {
            match idle.pop() {
                Some(worker) => return worker,
                None => idle = self.freed.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn check_with(&self, worker: &mut Worker, tests: &ProgramTests, code: &str) -> Result<Verdict, PoolError> {
        let mut answer = self.answers.take()?;
        if !is_ready(&mut answer) {
            return Err(never_ready(&self.interpreter, answer));
        }
        let mut checker = self.ready(Role::Checker, worker.checker.take())?;
        let job = self.job(tests, code)?;
        let deadline = Instant::now() + self.config.time_limit;
        let (outcome, checker_is) = Conversation::new(&mut answer, &mut checker, &job, deadline).run();
        worker.checker = self.release(checker, checker_is);
        self.verdict(tests, outcome, answer)
    }

    fn start(&self, role: Role) -> Result<Channel, PoolError> {
        start(role, &self.config, &self.interpreter).map(|(channel, _)| channel)
    }

    /// A process that waits for work: one that was made before, or a new one.
    pub(super) fn ready(&self, role: Role, made: Option<Channel>) -> Result<Channel, PoolError> {
        if let Some(mut process) = made
            && is_ready(&mut process)
        {
            return Ok(process);
        }
        let mut process = self.start(role)?;
        if is_ready(&mut process) {
            return Ok(process);
        }
        Err(never_ready(&self.interpreter, process))
    }

    fn job(&self, tests: &ProgramTests, code: &str) -> Result<Job, PoolError> {
        let [nonce, first_call] = unguessable()?;
        let (entry, paths) = (text(&tests.entry_point), texts(&self.interpreter.packages));
        let program = text(&format!("{}{code}\n", tests.prompt));
        let head = [number(nonce), text(&tests.prompt), text(&tests.tests)].concat();
        Ok(Job {
            program: Frame::new(b'P', &[&program, &entry, &number(self.minor().into()), &paths]),
            tests: Frame::new(b'T', &[&head, &entry, &paths]),
            nonce,
            first_call,
        })
    }

    /// Gets a checker back from its answer. One that may be in the middle of a test is given up.
    fn release(&self, mut checker: Channel, checker_is: CheckerIs) -> Option<Channel> {
        let usable = match checker_is {
            CheckerIs::Finished => true,
            CheckerIs::Waiting => checker.send(&Frame::new(b'A', &[]), Instant::now() + READY).is_ok(),
            CheckerIs::Busy => false,
        };
        if usable {
            return Some(checker);
        }
        self.undertaker.bury(checker);
        None
    }

    fn verdict(&self, tests: &ProgramTests, outcome: Outcome, answer: Channel) -> Result<Verdict, PoolError> {
        let entry_point = tests.entry_point.clone();
        let wrong = |reason: String| Ok(Verdict { passed: false, reason });
        if let Outcome::Ended(doing) = outcome {
            return wrong(ended(doing, answer.end()));
        }
        self.undertaker.bury(answer);
        match outcome {
            Outcome::Passed => Ok(Verdict { passed: true, reason: "every test ran and held".to_owned() }),
            Outcome::Wrong(reason) => wrong(reason),
            Outcome::Ended(doing) => wrong(format!("the process ended while {doing}")),
            Outcome::Late(doing) => {
                wrong(format!("over the time limit of {} s while {doing}", self.config.time_limit.as_secs_f64()))
            }
            Outcome::BadTests(reason) => Err(PoolError::Tests { entry_point, reason }),
            Outcome::CheckerFailed(reason) => {
                Err(PoolError::Checker { entry_point, reason: format!("the process {reason}") })
            }
        }
    }
}

fn ended(doing: &str, reason: ExitReason) -> String {
    match reason {
        ExitReason::Cancelled { .. } => format!("the process closed its channel while {doing}"),
        reason => format!("the process {reason} while {doing}"),
    }
}

fn never_ready(interpreter: &Interpreter, process: Channel) -> PoolError {
    let reason = format!("in its sandbox, it {} before it was ready", process.end());
    PoolError::Interpreter { path: interpreter.executable.clone(), reason }
}

/// Waits until a process says that it is ready.
fn is_ready(process: &mut Channel) -> bool {
    let deadline = Instant::now() + READY;
    loop {
        match process.news() {
            News::Frame(frame) => return frame.kind == b'H',
            News::Bad | News::End => return false,
            News::None => {}
        }
        if !wait(&mut [process], deadline) {
            return false;
        }
    }
}

fn unguessable() -> Result<[u64; 2], PoolError> {
    let mut bytes = [0_u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(PoolError::host("get random bytes"))?;
    let (first, second) = bytes.split_at(8);
    Ok([first, second].map(|half| half.try_into().map_or(0, u64::from_le_bytes)))
}
