//! Agent: lets the agent work in its sandbox until it ends or its time is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ptb_agents::scaffold::{self, Launch, Places};
use ptb_agents::trace::{Recorder, last_lines};
use ptb_agents::trajectory::{self, ReadTrace, TrajectoryAgent};
use ptb_core::definitions::{AgentDefinition, Scaffold};
use ptb_core::files::{self, FileError, IoContext};
use ptb_core::outcome::{AgentOutcome, AgentSession, Usage};
use ptb_core::run::{RunFolder, RunSpec, SandboxKind};
use ptb_sandbox::{EffectiveProtection, Exit, ExitReason, Isolation, Limits, Mount, MountKind, Network, SandboxSpec};

use super::{StageError, remove_tree};
use crate::worker::Equipment;

/// Lines of output that are kept with a crash.
const LAST_LINES: usize = 20;

pub fn run(folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<String, StageError> {
    let agent = spec.agent.as_ref().ok_or_else(|| StageError::Spec("an agent run names no agent".to_owned()))?;
    // A cut-off attempt is never resumed with a wrong clock: everything it left goes, the agent starts afresh.
    remove_tree(&folder.workspace())?;
    remove_tree(&folder.trace())?;
    copy_plain_tree(&folder.prepared(), &folder.workspace())?;
    files::create_folder(&folder.trace())?;

    let box_spec = sandbox_spec(folder, spec, agent, equipment)?;
    let started = Timestamp::now();
    let (exit, protection) = record(&box_spec, &folder.raw_trace())?;
    let trace = read_trace(folder, spec, agent)?;
    let session = AgentSession {
        outcome: outcome(exit.reason, trace.final_exit_code, &folder.raw_trace())?,
        started,
        ended: Timestamp::now(),
        seconds_used: exit.wall.as_secs_f64(),
        seconds_budget: spec.budget.seconds,
        protection: serde_json::to_value(&protection).unwrap_or_default(),
    };
    files::write_json(&folder.trajectory(), &trace.trajectory)?;
    files::write_json(&folder.usage_path(), &usage(&exit))?;
    files::write_json(&folder.session_path(), &session)?;
    Ok(format!("{} after {:.0} of {:.0} s", session.outcome, session.seconds_used, session.seconds_budget))
}

fn sandbox_spec(
    folder: &RunFolder,
    spec: &RunSpec,
    agent: &AgentDefinition,
    equipment: &Equipment,
) -> Result<SandboxSpec, StageError> {
    let base_model = equipment.cache.base_model(&spec.base_model)?;
    let deadline = Duration::from_secs_f64(spec.budget.seconds);
    let ends = Timestamp::now() + SignedDuration::try_from(deadline).unwrap_or(SignedDuration::MAX);
    let (places, mounts, isolation) = match spec.sandbox {
        SandboxKind::Namespaces => {
            let places = inside();
            let mounts = mounts(folder, equipment, base_model, &places);
            (places, mounts, Isolation::Namespaces)
        }
        SandboxKind::None => (on_host(folder, equipment, base_model)?, Vec::new(), Isolation::None),
    };
    let Launch { program, args, env } = scaffold::launch(agent.scaffold, spec, &places, ends, equipment.threads);
    Ok(SandboxSpec {
        args,
        env,
        cwd: places.workspace,
        mounts,
        home: places.home,
        network: network(agent.scaffold),
        limits: Limits {
            memory_bytes: spec.budget.memory_bytes,
            processes: spec.budget.processes,
            file_size_bytes: None,
        },
        deadline: Some(deadline),
        grace: Duration::from_secs_f64(spec.budget.grace_seconds),
        isolation,
        ..SandboxSpec::new(program, folder.scratch())
    })
}

/// A scripted agent asks nobody, so it gets no network: what it does depends on what it was given alone.
fn network(scaffold: Scaffold) -> Network {
    match scaffold {
        Scaffold::Scripted => Network::None,
    }
}

/// Where things are inside the sandbox.
fn inside() -> Places {
    Places {
        ptb: "/opt/ptb/bin/ptb".into(),
        workspace: "/home/agent/task".into(),
        home: "/home/agent".into(),
        base_model: "/models/base".into(),
        spec: "/opt/ptb/spec.json".into(),
        cache: "/opt/ptb/cache".into(),
    }
}

fn mounts(folder: &RunFolder, equipment: &Equipment, base_model: PathBuf, places: &Places) -> Vec<Mount> {
    let mount = |source: PathBuf, target: &Path, kind| Mount { source, target: target.to_owned(), kind };
    let mut mounts = vec![
        mount(equipment.ptb.clone(), &places.ptb, MountKind::ReadOnly),
        mount(folder.spec_path(), &places.spec, MountKind::ReadOnly),
        mount(base_model, &places.base_model, MountKind::Overlay),
        mount(folder.workspace(), &places.workspace, MountKind::Writable),
    ];
    let data = equipment.cache.data();
    if data.is_dir() {
        mounts.push(mount(data, &places.cache.join("data"), MountKind::ReadOnly));
    }
    mounts
}

/// Where things are without a sandbox. Home is a folder of the run, so that nothing of the user's own is in the way.
fn on_host(folder: &RunFolder, equipment: &Equipment, base_model: PathBuf) -> Result<Places, FileError> {
    let home = folder.scratch().join("home");
    files::create_folder(&home)?;
    let absolute = |path: PathBuf| std::path::absolute(&path).with_path("find", &path);
    Ok(Places {
        ptb: equipment.ptb.clone(),
        workspace: absolute(folder.workspace())?,
        home: absolute(home)?,
        base_model: absolute(base_model)?,
        spec: absolute(folder.spec_path())?,
        cache: absolute(equipment.cache.root().to_owned())?,
    })
}

/// Runs the sandbox and records what it prints.
fn record(box_spec: &SandboxSpec, trace: &Path) -> Result<(Exit, EffectiveProtection), StageError> {
    let recorder = Recorder::create(trace)?;
    let running = ptb_sandbox::spawn(box_spec)?;
    let protection = running.protection.clone();
    let (waiter, stdout, stderr) = running.into_parts();
    // The waiter stays on this thread: it must live as long as the sandbox.
    let exit = thread::scope(|scope| {
        scope.spawn(|| recorder.follow("stdout", stdout));
        scope.spawn(|| recorder.follow("stderr", stderr));
        waiter.wait()
    });
    recorder.finish()?;
    Ok((exit, protection))
}

fn read_trace(folder: &RunFolder, spec: &RunSpec, agent: &AgentDefinition) -> Result<ReadTrace, FileError> {
    let acting =
        TrajectoryAgent { name: agent.id.to_string(), version: env!("CARGO_PKG_VERSION").to_owned(), model_name: None };
    trajectory::read(agent.scaffold, &folder.raw_trace(), &spec.id.to_string(), acting)
}

/// How the session ended, from the sandbox's word and the agent's own final event together: an exit code of 0 alone does
/// not mean that the agent was done.
fn outcome(reason: ExitReason, final_event: Option<i32>, trace: &Path) -> Result<AgentOutcome, StageError> {
    let crashed = |exit_code| Ok(AgentOutcome::Crashed { exit_code, last_lines: last_lines(trace, LAST_LINES)? });
    match reason {
        ExitReason::Exited { code: 0 } if final_event == Some(0) => Ok(AgentOutcome::Finished),
        ExitReason::Exited { code } => crashed(code),
        ExitReason::Signaled { signal } => crashed(128 + signal),
        ExitReason::DeadlineTerm => Ok(AgentOutcome::TimedOut { killed: false }),
        ExitReason::DeadlineKilled => Ok(AgentOutcome::TimedOut { killed: true }),
        ExitReason::OutOfMemory => Ok(AgentOutcome::OutOfMemory),
        ExitReason::Cancelled { .. } | ExitReason::Lost => Err(StageError::SandboxLost),
    }
}

fn usage(exit: &Exit) -> Usage {
    Usage {
        seconds: exit.wall.as_secs_f64(),
        cpu_seconds: Some(exit.usage.cpu.as_secs_f64()),
        peak_memory_bytes: exit.usage.peak_memory_bytes,
        ..Usage::default()
    }
}

/// Copies our own harness files, permissions included.
fn copy_plain_tree(from: &Path, to: &Path) -> Result<(), FileError> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.map_err(std::io::Error::from).with_path("list", from)?;
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            files::create_folder(&target)?;
        } else {
            fs::copy(entry.path(), &target).with_path("copy", entry.path())?;
        }
    }
    Ok(())
}
