//! The command line and environment of an agent.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ptb_core::definitions::Scaffold;
use ptb_core::run::RunSpec;

/// Where an agent finds things, as it sees them.
#[derive(Debug, Clone)]
pub struct Places {
    /// The `ptb` program.
    pub ptb: PathBuf,
    /// Its working directory.
    pub workspace: PathBuf,
    /// Its home folder.
    pub home: PathBuf,
    /// The base model's checkpoint.
    pub base_model: PathBuf,
    /// The run's `spec.json`; read by scaffolds that are part of `ptb`.
    pub spec: PathBuf,
    /// The cache folder, whose `data` has downloaded data sets where the benchmark needs any.
    pub cache: PathBuf,
}

/// A program to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: BTreeMap<OsString, OsString>,
}

/// How to start the agent of a run.
pub fn launch(scaffold: Scaffold, spec: &RunSpec, places: &Places, deadline: Timestamp, threads: usize) -> Launch {
    match scaffold {
        Scaffold::Scripted => Launch {
            program: places.ptb.clone(),
            args: vec!["scripted-agent".into(), places.spec.clone().into()],
            env: environment(spec, places, deadline, threads),
        },
    }
}

/// What every agent gets; nothing of the host's environment passes.
fn environment(spec: &RunSpec, places: &Places, deadline: Timestamp, threads: usize) -> BTreeMap<OsString, OsString> {
    let tools = places.ptb.parent().unwrap_or(Path::new("/"));
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", tools.display());
    [
        ("PATH", OsString::from(path)),
        ("HOME", places.home.clone().into()),
        ("LANG", "C.UTF-8".into()),
        ("RAYON_NUM_THREADS", threads.to_string().into()),
        ("PTB_BASE_MODEL", places.base_model.clone().into()),
        ("PTB_BENCHMARK", spec.benchmark.id.as_str().into()),
        ("PTB_CACHE", places.cache.clone().into()),
        ("PTB_DEADLINE", deadline.as_second().to_string().into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value))
    .collect()
}
