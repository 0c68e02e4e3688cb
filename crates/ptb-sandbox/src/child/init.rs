//! The first process of a sandbox.
//!
//! It sets the box up, starts the program, reaps whatever ends, and ends everything: by ending itself, because the
//! kernel then ends its process namespace, or without namespaces by killing its children until none is left. It holds
//! no right that the program does not hold, and cannot be inspected by it.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsRawFd, IntoRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::{self, Errno};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, kill_process, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal, setsid, wait,
};

use super::perform::{Done, perform};
use super::program;
use crate::kernel::{self, Copied};
use crate::plan::Plan;
use crate::spec::Isolation;
use crate::wire::{Message, START, StartStage, TERMINATE};

/// Ends of pipes that belong to the first process.
pub(crate) struct Ends {
    /// Orders come from here; its end means that the supervisor is gone.
    pub(crate) orders: OwnedFd,
    /// Reports go here.
    pub(crate) reports: OwnedFd,
    /// The program's input, where it has one.
    pub(crate) input: Option<OwnedFd>,
    /// The program's output and error output.
    pub(crate) output: [OwnedFd; 2],
    /// Open `cgroup.procs` files of the control groups that the program enters.
    pub(crate) groups: Vec<OwnedFd>,
    /// Descriptors to keep, sorted.
    pub(crate) kept: Vec<i32>,
    /// Room for mounted trees.
    pub(crate) slots: Vec<Option<OwnedFd>>,
}

impl Ends {
    /// Puts the ends together, with room for `slots` mounted trees.
    pub(crate) fn new(
        orders: OwnedFd,
        reports: OwnedFd,
        input: Option<OwnedFd>,
        output: [OwnedFd; 2],
        groups: Vec<OwnedFd>,
        slots: usize,
    ) -> Self {
        let mut kept: Vec<i32> = [&orders, &reports]
            .into_iter()
            .chain(&input)
            .chain(&output)
            .chain(&groups)
            .map(AsRawFd::as_raw_fd)
            .collect();
        kept.sort_unstable();
        Self { orders, reports, input, output, groups, kept, slots: (0..slots).map(|_| None).collect() }
    }
}

/// Ends the process if anything unwinds: the code that would catch it belongs to the original process.
struct NeverReturn;

impl Drop for NeverReturn {
    fn drop(&mut self) {
        kernel::end(70);
    }
}

/// Runs the first process. Never returns, not even by a panic.
pub(crate) fn run(plan: &Plan, ends: &mut Ends) -> ! {
    let _guard = NeverReturn;
    let _ = kernel::close_all_except(&ends.kept);
    occupy_streams();
    let _ = setsid();
    kernel::default_signal_actions();
    let _ = rustix::thread::set_name(c"ptb-sandbox");
    follow_parent(plan.isolation);
    set_up(plan, ends);
    // A change of user forgets the request to end with the parent, and makes the process open to inspection.
    follow_parent(plan.isolation);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Message::Ready.send(&ends.reports);
    if next_order(&ends.orders) != Some(START) {
        kernel::end(0);
    }
    let program = start(plan, ends);
    let _ = program::give_up_rights(plan.isolation);
    follow_parent(plan.isolation);
    watch(plan.isolation, ends, program)
}

/// Keeps the numbers of the standard streams from being given to other files, which the program's streams would replace.
fn occupy_streams() {
    for _ in 0..3 {
        if let Ok(null) = rustix::fs::open(c"/dev/null", OFlags::RDWR, Mode::empty()) {
            let _ = null.into_raw_fd();
        }
    }
}

/// Asks the kernel to kill this process when the thread that created it ends. Without namespaces that would leave the
/// rest alive; there the end of the orders is the sign.
fn follow_parent(isolation: Isolation) {
    let _ = match isolation {
        Isolation::Namespaces => set_parent_process_death_signal(Some(Signal::KILL)),
        Isolation::None => set_parent_process_death_signal(None),
    };
}

fn set_up(plan: &Plan, ends: &mut Ends) {
    if plan.isolation == Isolation::None {
        let _ = set_child_subreaper(Some(rustix::process::getpid()));
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    for (index, step) in plan.steps.iter().enumerate() {
        let step_index = index as u32;
        match perform(step, &mut ends.slots) {
            Ok(Done::Fully) => {}
            Ok(Done::WithoutOverlay(error)) => {
                Message::OverlayRefused { step: step_index, errno: error.raw_os_error() }.send(&ends.reports);
            }
            Err(error) => {
                Message::StepFailed { step: step_index, errno: error.raw_os_error() }.send(&ends.reports);
                kernel::end(71);
            }
        }
    }
    for slot in &mut ends.slots {
        *slot = None;
    }
}

fn next_order(orders: &OwnedFd) -> Option<u8> {
    let mut order = [0];
    match io::retry_on_intr(|| io::read(orders, &mut order)) {
        Ok(1) => order.first().copied(),
        _ => None,
    }
}

/// Starts the program and reports whether that worked: the pipe closes when the program replaces the process.
fn start(plan: &Plan, ends: &mut Ends) -> Pid {
    let failed = |reports: &OwnedFd, error: Errno| -> ! {
        Message::StartFailed { stage: StartStage::Process, errno: error.raw_os_error() }.send(reports);
        kernel::end(71);
    };
    let (outcome, announce) = match rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC) {
        Ok(pipe) => pipe,
        Err(error) => failed(&ends.reports, error),
    };
    // SAFETY: the copy only calls `become_program`, which allocates nothing, and then ends.
    let program = match unsafe { kernel::copy_process(kernel::PLAIN) } {
        Ok(Copied::Original(pid, _)) => pid,
        Ok(Copied::Copy) => {
            let (stage, error) =
                program::become_program(plan, ends.input.as_ref(), ends.output.each_ref(), &ends.groups);
            Message::StartFailed { stage, errno: error.raw_os_error() }.send(&announce);
            kernel::end(127);
        }
        Err(error) => failed(&ends.reports, error),
    };
    drop(announce);
    let report = match Message::receive(&outcome) {
        Ok(Some(failure)) => failure,
        _ => Message::Started,
    };
    report.send(&ends.reports);
    program
}

fn watch(isolation: Isolation, ends: &Ends, program: Pid) -> ! {
    let Ok(events) = kernel::child_events() else { finish(isolation, ends) };
    // The output must end with its writers, of which this process is none.
    let _ = kernel::close_all_except(&sorted([&ends.orders, &ends.reports, &events]));
    let mut terminating = false;
    loop {
        terminating |= reap(isolation, ends, program, terminating);
        let mut sources = [PollFd::new(&ends.orders, PollFlags::IN), PollFd::new(&events, PollFlags::IN)];
        let _ = poll(&mut sources, None);
        let (ordered, changed) = (!sources[0].revents().is_empty(), !sources[1].revents().is_empty());
        if changed {
            // One signal may stand for many children, so its content says nothing.
            let _ = io::read(&events, &mut [0_u8; 1024]);
        }
        if ordered {
            match next_order(&ends.orders) {
                Some(TERMINATE) => {
                    terminating = true;
                    ask_to_end(isolation);
                }
                Some(START) => {}
                Some(_) | None => finish(isolation, ends),
            }
        }
    }
}

fn sorted(ends: [&OwnedFd; 3]) -> [i32; 3] {
    let mut numbers = ends.map(AsRawFd::as_raw_fd);
    numbers.sort_unstable();
    numbers
}

/// Stopped processes cannot hear a request before they go on. Without namespaces the supervisor asks.
fn ask_to_end(isolation: Isolation) {
    if isolation == Isolation::Namespaces {
        kernel::signal_everything(libc::SIGTERM);
        kernel::signal_everything(libc::SIGCONT);
    }
}

/// Takes the statuses of all children that ended. The end of the program is the end of the sandbox, unless everything
/// was asked to end and may use its time.
fn reap(isolation: Isolation, ends: &Ends, program: Pid, terminating: bool) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == program => {
                Message::Ended { status: status.as_raw() }.send(&ends.reports);
                if !terminating {
                    finish(isolation, ends);
                }
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => {
                Message::AllGone.send(&ends.reports);
                kernel::end(0);
            }
        }
    }
}

/// Ends every process of the sandbox, this one last.
fn finish(isolation: Isolation, ends: &Ends) -> ! {
    if isolation == Isolation::None {
        while kill_children() {
            let _ = rustix::thread::nanosleep(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 1_000_000 });
        }
        Message::AllGone.send(&ends.reports);
    }
    kernel::end(0);
}

/// Kills the children of this process; theirs become this process's own. `false` when there are none.
fn kill_children() -> bool {
    let mut list = [0_u8; 16384];
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let length = rustix::fs::open(c"/proc/thread-self/children", flags, Mode::empty())
        .and_then(|file| io::read(&file, &mut list))
        .unwrap_or(0);
    let numbers = list.get(..length).unwrap_or_default().split(|byte| !byte.is_ascii_digit());
    for pid in numbers.filter_map(|digits| Pid::from_raw(number(digits))) {
        let _ = kill_process(pid, Signal::KILL);
    }
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn number(digits: &[u8]) -> i32 {
    digits.iter().fold(0_i32, |value, digit| value.wrapping_mul(10).wrapping_add(i32::from(digit.wrapping_sub(b'0'))))
}
