//! Choosing an engine for a model on this machine.

use std::path::{Path, PathBuf};

use ptb_core::definitions::{BenchmarkDefinition, Family, Solver};
use ptb_core::engine::EngineName;
use ptb_core::files::FileError;
use ptb_engine::generate::Limits;
use thiserror::Error;

use crate::embedded::{EmbeddedEngine, EmbeddedError};
use crate::endpoint::decodes_greedily;
use crate::engine::{Engine, EngineError};
use crate::on_demand::OnDemandEngine;
use crate::server::{Launch, ServerEngine, ServerError, ServerProgress, kind_named, visible_gpus};

/// A checkpoint folder and how it is spoken to.
#[derive(Debug, Clone, Copy)]
pub struct LocalModel<'a> {
    /// Name for logs.
    pub name: &'a str,
    /// The folder.
    pub folder: &'a Path,
    /// The base model's family, which decides the chat template.
    pub family: Family,
}

/// How an engine is used.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Which one.
    pub engine: EngineName,
    /// Most requests at one time; without it the benchmark's.
    pub connections: Option<usize>,
    /// Share of each GPU's memory.
    pub gpu_memory: Option<f64>,
    /// Whether requests to a server carry their samples' seeds. The embedded engine always uses them.
    pub send_seed: bool,
    /// Where a server's output goes.
    pub server_log: PathBuf,
}

/// An engine that cannot be used.
#[derive(Debug, Error)]
pub enum ChoiceError {
    /// The embedded engine cannot run the model.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The engine for a model on a benchmark. A server starts when it is first asked.
pub fn choose<'a>(
    model: LocalModel<'a>,
    benchmark: &BenchmarkDefinition,
    settings: &EngineSettings,
    report: &'a dyn Fn(&str),
) -> Result<Box<dyn Engine + 'a>, ChoiceError> {
    let connections = settings.connections.unwrap_or(benchmark.concurrency as usize).max(1);
    if settings.engine == EngineName::Embedded {
        let limits = Limits::default();
        let limits = Limits { max_batch: settings.connections.unwrap_or(limits.max_batch).max(1), ..limits };
        let engine = EmbeddedEngine::load(model.folder, model.family, limits)?;
        return Ok(Box::new(engine.overridden(&benchmark.sampling)?));
    }
    let launch = launch(model, benchmark, settings, connections);
    let greedy = decodes_greedily(model.folder, &benchmark.sampling)?;
    let name = settings.engine.name();
    Ok(Box::new(OnDemandEngine::new(name, greedy, move || start(name, launch.clone(), report))))
}

fn launch(
    model: LocalModel<'_>,
    benchmark: &BenchmarkDefinition,
    settings: &EngineSettings,
    connections: usize,
) -> Launch {
    let tools = benchmark.solver == Solver::FunctionCall;
    Launch {
        tools,
        sampling: benchmark.sampling,
        send_seed: settings.send_seed,
        connections,
        gpu_memory: settings.gpu_memory,
        replicas: visible_gpus().max(1),
        ..Launch::new(model.folder.to_owned(), model.name, model.family, settings.server_log.clone())
    }
}

fn start(name: &str, launch: Launch, report: &dyn Fn(&str)) -> Result<Box<dyn Engine>, EngineError> {
    let kind = kind_named(name).ok_or_else(|| EngineError::Unavailable(format!("there is no engine {name}")))?;
    let started = ServerEngine::start(kind, launch, &mut |progress| report(&said(name, &progress)));
    match started {
        Ok(engine) => Ok(Box::new(engine)),
        Err(error) => Err(unusable(&error)),
    }
}

fn said(name: &str, progress: &ServerProgress) -> String {
    match progress {
        ServerProgress::Starting { elapsed, line } => format!("{name} starts, {} s: {line}", elapsed.as_secs()),
        ServerProgress::Ready { elapsed } => format!("{name} is ready after {} s", elapsed.as_secs()),
    }
}

fn unusable(error: &ServerError) -> EngineError {
    if error.is_environment() {
        EngineError::Unavailable(error.to_string())
    } else {
        EngineError::Failed(error.to_string())
    }
}
