//! `ptb doctor`: what this machine has and what each thing enables.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;
use ptb_sandbox::{Probe, probe};
use serde::Serialize;

use super::{Environment, sandbox};
use crate::failure::{Failure, Outcome};
use crate::output;

/// Shows what this machine has and what each thing enables
///
/// Everything is tried out, not read from version numbers. Ends with exit code 3 when something that every run needs is
/// missing.
///
/// Example: ptb doctor --json
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What it enables, or how to get it.
    meaning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    /// Something optional is not there.
    Without,
    /// Something that every run needs is not there.
    Missing,
}

pub fn doctor(arguments: &DoctorArguments, environment: &Environment) -> Outcome {
    let checks = [
        processor(),
        memory(),
        disk(environment.cache.root()),
        sandbox_check(),
        program("bash", State::Missing, "scripted agents run their steps with it", "apt-get install bash"),
        program("python3", State::Without, "agents can run evaluate.py", "apt-get install python3"),
        program("nvidia-smi", State::Without, "GPU runs", "install the NVIDIA driver"),
        program("chromium", State::Without, "the tests look at the pages with it", "apt-get install chromium"),
    ];
    if arguments.json {
        output::json(&checks)?;
    } else {
        output::data(&checks.iter().map(line).collect::<String>())?;
    }
    let missing: Vec<_> = checks.iter().filter(|check| check.state == State::Missing).map(|check| check.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Environment(anyhow::anyhow!("missing: {}", missing.join(", "))))
}

fn line(check: &Check) -> String {
    let sign = match check.state {
        State::Good => "ok",
        State::Without => "without",
        State::Missing => "MISSING",
    };
    format!("{sign:<8} {:<12} {}\n{:22}{}\n", check.name, check.found, "", check.meaning)
}

fn processor() -> Check {
    Check {
        name: "processor",
        state: State::Good,
        found: format!("{} cores", Environment::cores()),
        meaning: "the embedded engine trains and evaluates micro models on them".to_owned(),
    }
}

fn memory() -> Check {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    });
    Check {
        name: "memory",
        state: if available.is_some() { State::Good } else { State::Without },
        found: available.map_or("unknown".to_owned(), |kib| format!("{:.1} GiB available", kib / 1024.0 / 1024.0)),
        meaning: "the demo needs 2 GiB".to_owned(),
    }
}

fn disk(folder: &Path) -> Check {
    let existing = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let free = rustix::fs::statvfs(existing).ok().map(|disk| disk.f_bavail * disk.f_frsize);
    Check {
        name: "disk",
        state: if free.is_some() { State::Good } else { State::Without },
        found: free.map_or("unknown".to_owned(), |bytes| format!("{:.0} GiB free", bytes as f64 / (1u64 << 30) as f64)),
        meaning: format!("base models and data sets go to {}", folder.display()),
    }
}

fn sandbox_check() -> Check {
    let (state, found, meaning) = match probe() {
        Probe::Work { protection, took } => {
            let weak = match protection.weaknesses.as_slice() {
                [] => String::new(),
                weaknesses => format!("; weaker than asked for: {}", weaknesses.join("; ")),
            };
            let found = format!("namespaces work, {} ms to start and end{weak}", took.as_millis());
            (State::Good, found, "agents are isolated from this machine".to_owned())
        }
        Probe::Refused { error, advice } => {
            (State::Missing, error, format!("agents cannot be isolated{}", sandbox::advice_text(&advice)))
        }
    };
    Check { name: "sandbox", state, found, meaning }
}

fn program(name: &'static str, absent: State, enables: &str, remedy: &str) -> Check {
    let version = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned());
    match version {
        Some(version) => Check { name, state: State::Good, found: version, meaning: enables.to_owned() },
        None => Check {
            name,
            state: absent,
            found: "not found".to_owned(),
            meaning: format!("{enables}; to get it: {remedy}"),
        },
    }
}
