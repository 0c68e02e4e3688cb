//! The second process: takes its limits, gives up its rights and becomes the program.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::{self, Errno};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit, setsid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use crate::kernel;
use crate::plan::Plan;
use crate::spec::Isolation;
use crate::wire::StartStage;

/// Becomes the program. Returns only what failed.
pub(super) fn become_program(
    plan: &Plan,
    input: Option<&OwnedFd>,
    output: [&OwnedFd; 2],
    groups: &[OwnedFd],
) -> (StartStage, Errno) {
    match prepare(plan, input, output, groups) {
        Ok(()) => {}
        Err(failure) => return failure,
    }
    kernel::block_signals(false);
    // SAFETY: the plan keeps both arrays null-terminated and their strings alive.
    let error = unsafe { kernel::replace_by(&plan.program, plan.arguments.pointers(), plan.environment.pointers()) };
    (StartStage::Program, error)
}

fn prepare(
    plan: &Plan,
    input: Option<&OwnedFd>,
    output: [&OwnedFd; 2],
    groups: &[OwnedFd],
) -> Result<(), (StartStage, Errno)> {
    let at = |stage: StartStage| move |error: Errno| (stage, error);
    for group in groups {
        io::write(group, b"0").map_err(at(StartStage::ControlGroup))?;
    }
    if plan.isolation == Isolation::Namespaces {
        // SAFETY: a control group namespace changes nothing that this single-threaded process relies on.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) }.map_err(at(StartStage::GroupNamespace))?;
    }
    streams(input, output).map_err(at(StartStage::Streams))?;
    set_limits(plan).map_err(at(StartStage::Limits))?;
    rustix::process::chdir(plan.cwd.as_c_str()).map_err(at(StartStage::Folder))?;
    give_up_rights(plan.isolation).map_err(at(StartStage::Rights))?;
    for filter in &plan.filters {
        // The error of the library holds the kernel's in various wrappings; the kernel's own answer is all that counts.
        seccompiler::apply_filter(filter).map_err(|_| (StartStage::Filter, Errno::INVAL))?;
    }
    Ok(())
}

fn streams(input: Option<&OwnedFd>, output: [&OwnedFd; 2]) -> io::Result<()> {
    let _ = setsid();
    if let Some(pipe) = input {
        rustix::stdio::dup2_stdin(pipe)?;
    } else {
        let nothing = rustix::fs::open(c"/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::stdio::dup2_stdin(&nothing)?;
    }
    rustix::stdio::dup2_stdout(output[0].as_fd())?;
    rustix::stdio::dup2_stderr(output[1].as_fd())
}

fn set_limits(plan: &Plan) -> io::Result<()> {
    let fixed = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Core, fixed(0))?;
    if let Some(bytes) = plan.file_size_bytes {
        setrlimit(Resource::Fsize, fixed(bytes))?;
    }
    if let Some(count) = plan.process_rlimit {
        setrlimit(Resource::Nproc, fixed(count))?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// Gives up all capabilities for good: no program that is started later can bring them back.
pub(super) fn give_up_rights(isolation: Isolation) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    if isolation == Isolation::None {
        return Ok(());
    }
    for capability in CapabilitySet::all().iter() {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // A kernel without this capability.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}
