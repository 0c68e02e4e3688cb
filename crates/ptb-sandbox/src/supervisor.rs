//! The thread that owns a sandbox: creates it, watches its clock and memory, ends it.
//!
//! The kernel ends a sandbox with the thread that created it, so this thread lives exactly as long as the sandbox.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, pidfd_send_signal};
use rustix::time::Timespec;

use crate::advice;
use crate::cgroup::Groups;
use crate::child::{self, Ends};
use crate::error::{AdviceList, SandboxError};
use crate::exit::{Course, Exit, ExitReason, Request, ResourceUsage};
use crate::kernel::{self, Copied};
use crate::plan::Plan;
use crate::processes;
use crate::scratch;
use crate::spec::{Isolation, SandboxSpec};
use crate::step::Step;
use crate::stopper::{self, Order};
use crate::wire::{KILL, Message, START, TERMINATE};

/// Time between two looks at the memory, where no control group limits it.
const WATCH: Duration = Duration::from_millis(200);

/// Time that the first process gets to kill the others where only it can, before it is killed itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything the thread needs.
pub(crate) struct Job {
    pub(crate) spec: SandboxSpec,
    pub(crate) plan: Plan,
    pub(crate) groups: Groups,
    /// Ends of pipes for the first process.
    pub(crate) ends: Ends,
    /// Orders to the first process.
    pub(crate) orders: OwnedFd,
    /// Reports of the first process.
    pub(crate) reports: OwnedFd,
    /// Orders of the caller.
    pub(crate) stop: OwnedFd,
    /// Closed when the sandbox has ended.
    pub(crate) ended: OwnedFd,
    /// Memory in bytes that this thread has to watch over.
    pub(crate) watched_memory: Option<u64>,
}

/// What the caller learns when the program runs.
pub(crate) struct Started {
    /// The first process, as the host sees it.
    pub(crate) pid: Pid,
    /// Overlays that became read-only mounts, with the kernel's reason.
    pub(crate) overlays_refused: Vec<(PathBuf, String)>,
}

impl Job {
    /// Runs the sandbox from its creation to its end. `started` gets one answer: the program runs, or why not.
    pub(crate) fn run(self, started: &SyncSender<Result<Started, SandboxError>>) -> Exit {
        kernel::block_signals(true);
        let Job { spec, plan, groups, ends, orders, reports, stop, ended, watched_memory } = self;
        let created = create(&plan, ends);
        let mut live = match created {
            Ok((pid, handle)) => {
                Live { spec, plan, groups, pid, handle, orders, reports, stop, watched_memory, peak: 0 }
            }
            Err(error) => {
                let _ = scratch::clean(&spec);
                let _ = started.send(Err(error));
                return Exit::never_started();
            }
        };
        let overlays_refused = match live.start() {
            Ok(overlays_refused) => overlays_refused,
            Err(error) => {
                live.kill_first();
                live.finish(Course::default(), Instant::now());
                let _ = started.send(Err(error));
                return Exit::never_started();
            }
        };
        let start = Instant::now();
        let _ = started.send(Ok(Started { pid: live.pid, overlays_refused }));
        let course = live.watch(start);
        let exit = live.finish(course, start);
        drop(ended);
        exit
    }
}

impl Exit {
    fn never_started() -> Self {
        Self { reason: ExitReason::Lost, wall: Duration::ZERO, usage: ResourceUsage::default(), leftovers: Vec::new() }
    }
}

/// Creates the first process.
fn create(plan: &Plan, mut ends: Ends) -> Result<(Pid, OwnedFd), SandboxError> {
    // SAFETY: the copy only calls `child::run`, which allocates nothing and never returns.
    match unsafe { kernel::copy_process(plan.namespaces) } {
        Ok(Copied::Original(pid, handle)) => Ok((pid, handle)),
        Ok(Copied::Copy) => child::run(plan, &mut ends),
        Err(error) if plan.isolation == Isolation::Namespaces && error != Errno::NOMEM && error != Errno::AGAIN => {
            Err(refused("create the namespaces of a sandbox".to_owned(), error))
        }
        Err(error) => Err(SandboxError::resource("create a process")(error)),
    }
}

fn refused(step: String, error: Errno) -> SandboxError {
    SandboxError::Refused { step, source: error.into(), advice: AdviceList(advice::here()) }
}

/// A sandbox that exists.
struct Live {
    spec: SandboxSpec,
    plan: Plan,
    groups: Groups,
    pid: Pid,
    handle: OwnedFd,
    orders: OwnedFd,
    reports: OwnedFd,
    stop: OwnedFd,
    watched_memory: Option<u64>,
    /// The most memory seen, where this thread watches it.
    peak: u64,
}

/// When the next thing is due that no descriptor announces.
struct Clock {
    deadline: Option<Instant>,
    force: Option<Instant>,
    look: Option<Instant>,
}

impl Clock {
    fn wait(&self) -> Option<Timespec> {
        let next = [self.deadline, self.force, self.look].into_iter().flatten().min()?;
        let left = next.saturating_duration_since(Instant::now());
        Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) })
    }
}

fn due(moment: Option<Instant>) -> bool {
    moment.is_some_and(|moment| Instant::now() >= moment)
}

impl Live {
    /// Follows the start-up until the program runs. Returns the overlays that became read-only.
    fn start(&self) -> Result<Vec<(PathBuf, String)>, SandboxError> {
        let mut overlays = Vec::new();
        loop {
            let received =
                Message::receive(&self.reports).map_err(SandboxError::resource("hear from the first process"))?;
            match received {
                Some(Message::OverlayRefused { step, errno }) => overlays.push(self.overlay(step, errno)),
                Some(Message::Ready) => self.order(START),
                Some(Message::Started) => return Ok(overlays),
                Some(Message::StepFailed { step, errno }) => return Err(self.step_error(step, errno)),
                Some(Message::StartFailed { stage, errno }) => {
                    let source = io::Error::from_raw_os_error(errno);
                    let (program, cwd) = (self.spec.program.clone(), self.spec.cwd.clone());
                    return Err(SandboxError::Start { program, cwd, stage: stage.words(), source });
                }
                Some(Message::Ended { .. } | Message::AllGone) | None => return Err(SandboxError::Lost),
            }
        }
    }

    fn overlay(&self, step: u32, errno: i32) -> (PathBuf, String) {
        let target = match self.plan.steps.get(step as usize) {
            Some(Step::Overlay { target, .. }) => PathBuf::from(target.to_string_lossy().into_owned()),
            _ => PathBuf::new(),
        };
        (target, io::Error::from_raw_os_error(errno).to_string())
    }

    /// A refused right is the kernel's policy; anything else, such as a missing file, is about that one step.
    fn step_error(&self, step: u32, errno: i32) -> SandboxError {
        let words = self.plan.steps.get(step as usize).map_or_else(|| "set up the sandbox".to_owned(), Step::to_string);
        let error = Errno::from_raw_os_error(errno);
        if matches!(error, Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::NOSPC | Errno::USERS) {
            return refused(words, error);
        }
        SandboxError::Refused { step: words, source: error.into(), advice: AdviceList::default() }
    }

    /// A first process that is gone is noticed elsewhere.
    fn order(&self, order: u8) {
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&self.orders, &[order]));
    }

    /// Waits for the end of the first process, asking for it when it is time.
    fn watch(&mut self, start: Instant) -> Course {
        let mut course = Course::default();
        let mut clock = Clock {
            deadline: self.spec.deadline.and_then(|deadline| start.checked_add(deadline)),
            force: None,
            look: self.watched_memory.map(|_| start),
        };
        loop {
            let [reported, stopped, gone] = self.wait(&clock);
            if reported {
                self.hear(&mut course);
            }
            if gone && !reported {
                return course;
            }
            let order = if stopped { stopper::take(&self.stop) } else { None };
            if course.program.is_some() {
                // The first process is ending everything already.
                clock = Clock { deadline: None, force: None, look: None };
                continue;
            }
            match order {
                Some(Order::Cancel) => self.ask(Request::Cancel, &mut course, &mut clock),
                Some(Order::Kill) => self.end_at_once(Request::Cancel, &mut course, &mut clock),
                None => {}
            }
            if due(clock.deadline) {
                self.ask(Request::Deadline, &mut course, &mut clock);
            }
            if due(clock.look) {
                self.look_at_memory(&mut course, &mut clock);
            }
            if due(clock.force) {
                self.force(&mut course, &mut clock);
            }
        }
    }

    fn wait(&self, clock: &Clock) -> [bool; 3] {
        let mut sources = [&self.reports, &self.stop, &self.handle].map(|source| PollFd::new(source, PollFlags::IN));
        match poll(&mut sources, clock.wait().as_ref()) {
            Ok(_) => {
                let [reports, stop, handle] = &sources;
                // The reports hang up with the first process; only what is still to be read counts.
                [reports, stop, handle].map(|source| source.revents().contains(PollFlags::IN))
            }
            Err(_) => [false; 3],
        }
    }

    fn hear(&self, course: &mut Course) {
        match Message::receive(&self.reports) {
            Ok(Some(Message::Ended { status })) if course.request.is_none() => course.program = Some(status),
            _ => {}
        }
    }

    /// Asks every process to end and starts the grace period. The first request is the reason.
    fn ask(&self, request: Request, course: &mut Course, clock: &mut Clock) {
        clock.deadline = None;
        if course.request.is_some() {
            return;
        }
        course.request = Some(request);
        clock.force = Instant::now().checked_add(self.spec.grace);
        self.order(TERMINATE);
        if self.plan.isolation == Isolation::None {
            processes::ask_to_end(self.pid);
        }
    }

    fn end_at_once(&self, request: Request, course: &mut Course, clock: &mut Clock) {
        course.request.get_or_insert(request);
        clock.deadline = None;
        self.force(course, clock);
    }

    /// Ends the first process and with it everything. Without namespaces it first has to kill the others.
    fn force(&self, course: &mut Course, clock: &mut Clock) {
        let again = course.forced;
        course.forced = true;
        clock.force = Instant::now().checked_add(PATIENCE);
        if self.plan.isolation == Isolation::None && !again {
            self.order(KILL);
        } else {
            self.kill_first();
        }
    }

    fn kill_first(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
    }

    fn look_at_memory(&mut self, course: &mut Course, clock: &mut Clock) {
        let Some(limit) = self.watched_memory else { return };
        let used = processes::memory(self.pid, limit);
        self.peak = self.peak.max(used);
        clock.look = Instant::now().checked_add(WATCH);
        if used > limit {
            clock.look = None;
            self.end_at_once(Request::Memory, course, clock);
        }
    }

    /// Takes leave of the first process, which waits until all others are gone, and cleans up.
    fn finish(self, course: Course, start: Instant) -> Exit {
        let (_, micros) = kernel::reap(self.pid).unwrap_or_default();
        let wall = start.elapsed();
        if self.plan.isolation == Isolation::None {
            self.groups.kill_all(1000);
        }
        let memory_kills = self.groups.memory_kills();
        let watched = self.watched_memory.map(|_| self.peak);
        let usage = ResourceUsage {
            cpu: Duration::from_micros(micros),
            peak_memory_bytes: self.groups.peak_memory().or(watched),
            memory_kills,
        };
        let leftovers = scratch::clean(&self.spec).err().map(|error| error.to_string()).into_iter().collect();
        Exit { reason: course.reason(memory_kills), wall, usage, leftovers }
    }
}
