//! Starting a sandbox, and the handle on it while it runs.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rustix::fd::OwnedFd;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::cgroup::Groups;
use crate::child::Ends;
use crate::error::SandboxError;
use crate::exit::{Exit, ExitReason, ResourceUsage};
use crate::output::OutputReader;
use crate::plan::Plan;
use crate::protection::EffectiveProtection;
use crate::scratch;
use crate::spec::{Input, SandboxSpec};
use crate::stopper::Stopper;
use crate::supervisor::{Job, Started};
use crate::user::OutsideUser;

/// A sandbox whose program runs. Dropping it kills everything inside.
#[derive(Debug)]
pub struct Running {
    /// What the program writes to its standard output.
    pub stdout: OutputReader,
    /// What the program writes to its standard error.
    pub stderr: OutputReader,
    /// What really protects the host.
    pub protection: EffectiveProtection,
    pid: Pid,
    stopper: Stopper,
    input: Option<OwnedFd>,
    supervisor: Supervisor,
}

/// The supervising thread; killed with everything it watches unless it was waited for.
#[derive(Debug)]
struct Supervisor {
    thread: Option<JoinHandle<Exit>>,
    stopper: Stopper,
}

/// Makes a sandbox and starts its program. Returns when the program runs.
pub fn spawn(spec: &SandboxSpec) -> Result<Running, SandboxError> {
    let user = OutsideUser::of_this_process();
    let groups = Groups::new(spec.limits);
    let plan = Plan::new(spec, user, groups.limits_processes)?;
    let mut protection = EffectiveProtection::new(spec, &plan, user, &groups);
    let (stopper, stop) = Stopper::new().map_err(SandboxError::resource("create an event"))?;
    let pipes = Pipes::new(spec.input).map_err(SandboxError::resource("create pipes"))?;
    scratch::prepare(spec, user)?;
    let entrances = groups.entrances().map_err(SandboxError::resource("open the control groups"))?;
    let (read_end, input) = pipes.input.unzip();
    let job = Job {
        spec: spec.clone(),
        watched_memory: spec.limits.memory_bytes.filter(|_| !groups.limits_memory),
        ends: Ends::new(
            pipes.orders.0,
            pipes.reports.1,
            read_end,
            [pipes.stdout.1, pipes.stderr.1],
            entrances,
            plan.slots,
        ),
        plan,
        groups,
        orders: pipes.orders.1,
        reports: pipes.reports.0,
        stop,
        ended: pipes.ended.1,
    };
    let (thread, started) = supervise(job)?;
    for (target, reason) in started.overlays_refused {
        protection.refuse_overlay(target, reason);
    }
    let ended = fcntl_dupfd_cloexec(&pipes.ended.0, 0).map_err(SandboxError::resource("share a pipe"))?;
    Ok(Running {
        stdout: OutputReader::new(pipes.stdout.0, ended),
        stderr: OutputReader::new(pipes.stderr.0, pipes.ended.0),
        protection,
        pid: started.pid,
        input,
        supervisor: Supervisor { thread: Some(thread), stopper: stopper.clone() },
        stopper,
    })
}

fn supervise(job: Job) -> Result<(JoinHandle<Exit>, Started), SandboxError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = thread::Builder::new()
        .name("ptb-sandbox".to_owned())
        .spawn(move || job.run(&sender))
        .map_err(SandboxError::resource("start a thread"))?;
    let started = receiver.recv().unwrap_or(Err(SandboxError::Lost));
    match started {
        Ok(started) => Ok((thread, started)),
        Err(error) => {
            // Its answer is the error; what matters is that nothing of the sandbox is left when it is shown.
            let _ = thread.join();
            Err(error)
        }
    }
}

/// The pipes of a sandbox, each as its reading and its writing end.
struct Pipes {
    input: Option<(OwnedFd, OwnedFd)>,
    orders: (OwnedFd, OwnedFd),
    reports: (OwnedFd, OwnedFd),
    stdout: (OwnedFd, OwnedFd),
    stderr: (OwnedFd, OwnedFd),
    ended: (OwnedFd, OwnedFd),
}

impl Pipes {
    fn new(input: Input) -> rustix::io::Result<Self> {
        let pipe = || -> rustix::io::Result<(OwnedFd, OwnedFd)> {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
            Ok((above_streams(&reader)?, above_streams(&writer)?))
        };
        let input = (input == Input::Pipe).then(&pipe).transpose()?;
        Ok(Self { input, orders: pipe()?, reports: pipe()?, stdout: pipe()?, stderr: pipe()?, ended: pipe()? })
    }
}

/// A caller without standard streams gets their numbers for its pipes, which the program's streams would then replace.
fn above_streams(descriptor: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    fcntl_dupfd_cloexec(descriptor, 3)
}

impl Running {
    /// The sandbox's first process, as the host sees it.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The writing end of the program's input, once; only with [`Input::Pipe`]. Closing it ends the input.
    pub fn take_input(&mut self) -> Option<OwnedFd> {
        self.input.take()
    }

    /// A handle that can end the sandbox while another thread waits for it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Whether no process of the sandbox is left, without waiting.
    pub fn has_ended(&self) -> bool {
        self.supervisor.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until no process of the sandbox is left. Output that nobody has read yet is lost; take
    /// [`Running::into_parts`] to read on another thread.
    pub fn wait(self) -> Exit {
        self.into_parts().0.wait()
    }

    /// The handle to wait with, and the two outputs.
    pub fn into_parts(self) -> (Waiter, OutputReader, OutputReader) {
        (Waiter(self.supervisor), self.stdout, self.stderr)
    }
}

/// Waits for a sandbox. Dropping it kills everything inside.
#[derive(Debug)]
pub struct Waiter(Supervisor);

impl Waiter {
    /// Waits until no process of the sandbox is left.
    pub fn wait(mut self) -> Exit {
        let exit = self.0.thread.take().and_then(|thread| thread.join().ok());
        exit.unwrap_or(Exit {
            reason: ExitReason::Lost,
            wall: std::time::Duration::ZERO,
            usage: ResourceUsage::default(),
            leftovers: vec!["the supervising thread of the sandbox failed".to_owned()],
        })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stopper.kill();
            let _ = thread.join();
        }
    }
}
