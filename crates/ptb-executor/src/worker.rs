//! Walking one run through its stages.
//!
//! A worker can be killed at any moment and started again on the same folder: it goes on at the first stage without a
//! record. A stage that was cut off is begun anew from what the earlier stages left.

use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ptb_core::event::{EventKind, EventLog};
use ptb_core::files::{FileError, IoContext};
use ptb_core::run::{RunFolder, RunFolderError, RunSpec};
use ptb_core::score::Score;
use ptb_core::stage::{Stage, StageRecord};
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

use crate::cache::Cache;
use crate::fault::{self, Point};
use crate::stages::{self, StageError};

/// What a worker needs besides the run folder.
#[derive(Debug, Clone)]
pub struct Equipment {
    /// Base models and data sets.
    pub cache: Cache,
    /// The `ptb` program, which agents find in their sandbox.
    pub ptb: PathBuf,
    /// Processor threads for the agent and for the evaluation.
    pub threads: usize,
}

/// A worker that could not bring its run to an end. The run is not lost: what is done stays, and the same command goes
/// on.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// Another worker has the run.
    #[error("another worker is working on {}: wait for it, or end it first", .0.display())]
    Busy(PathBuf),
    /// A stage failed.
    #[error("run {run}: the {stage} stage failed: {cause}")]
    Stage {
        /// The run.
        run: String,
        /// The stage.
        stage: Stage,
        /// Why.
        #[source]
        cause: StageError,
    },
    /// All stages have a record, but the score is gone.
    #[error("{} is missing although the run is done: remove the run's stages/score.json and start the worker again", .0.display())]
    ScoreMissing(PathBuf),
}

impl From<FileError> for WorkerError {
    fn from(error: FileError) -> Self {
        Self::Folder(error.into())
    }
}

/// Brings a run to its score, going on where an earlier worker stopped.
pub fn work(root: &Path, equipment: &Equipment) -> Result<Score, WorkerError> {
    let (folder, spec) = RunFolder::open(root)?;
    let _lock = lock(&folder)?;
    let events = folder.events();
    events.append(EventKind::WorkerStarted { pid: std::process::id() })?;
    for stage in spec.kind.stages() {
        if folder.stage_record(*stage)?.is_none() {
            run_stage(*stage, &folder, &spec, equipment)?;
        }
    }
    let score = folder.score()?.ok_or_else(|| WorkerError::ScoreMissing(folder.score_path()))?;
    if !events.read()?.iter().any(|event| event.kind == EventKind::Finished) {
        events.append(EventKind::Finished)?;
    }
    Ok(score)
}

fn run_stage(stage: Stage, folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<(), WorkerError> {
    let events = folder.events();
    let attempt = begin(stage, &events)?;
    stages::clear_scratch(folder)?;
    let started = Timestamp::now();
    fault::kill_if_chosen(stage, Point::Begun, attempt);
    match stages::run(stage, folder, spec, equipment) {
        Ok(summary) => {
            fault::kill_if_chosen(stage, Point::Done, attempt);
            let record = StageRecord {
                stage,
                started,
                ended: Timestamp::now(),
                attempts: attempt,
                ptb_version: env!("CARGO_PKG_VERSION").to_owned(),
                summary: summary.clone(),
            };
            stages::clear_scratch(folder)?;
            folder.finish_stage(&record)?;
            events.append(EventKind::StageFinished { stage, summary })?;
            Ok(())
        }
        Err(cause) => {
            // The failure itself matters more than a failure to note it.
            let _ = events.append(EventKind::StageFailed { stage, error: cause.to_string() });
            Err(WorkerError::Stage { run: spec.id.to_string(), stage, cause })
        }
    }
}

/// Notes that a stage begins, and that an earlier attempt was cut off where it was. Returns the number of the attempt.
fn begin(stage: Stage, events: &EventLog) -> Result<u32, FileError> {
    let mut attempts = 0;
    let mut open = false;
    for event in events.read()? {
        match event.kind {
            EventKind::StageStarted { stage: started, .. } if started == stage => {
                attempts += 1;
                open = true;
            }
            EventKind::StageFailed { stage: failed, .. } | EventKind::StageFinished { stage: failed, .. }
                if failed == stage =>
            {
                open = false;
            }
            _ => {}
        }
    }
    if open {
        events.append(EventKind::StageInterrupted { stage })?;
    }
    events.append(EventKind::StageStarted { stage, attempt: attempts + 1 })?;
    Ok(attempts + 1)
}

/// The lock lives as long as the file is open, so a killed worker never leaves it behind.
fn lock(folder: &RunFolder) -> Result<File, WorkerError> {
    let path = folder.lock_path();
    let file = File::options().create(true).append(true).open(&path).with_path("open", &path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(WorkerError::Busy(folder.root().to_owned())),
        Err(error) => Err(FileError::new("lock", &path, std::io::Error::from(error)).into()),
    }
}
