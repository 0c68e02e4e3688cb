//! What a run is asked to do, and the typed layout of its folder.
//!
//! The folder is the truth about a run: everything that is known about it can be read from there, and its name is for
//! people only.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::audit::{Finding, Verdict};
use crate::definitions::{AgentDefinition, BaseModelDefinition, BenchmarkDefinition, PromptWording};
use crate::engine::EngineName;
use crate::evaluation::Metrics;
use crate::event::{EventKind, EventLog};
use crate::files::{self, FileError, IoContext};
use crate::ids::{AgentId, BenchmarkId, ExperimentName, RunId, Task};
use crate::outcome::{AgentSession, Usage};
use crate::score::Score;
use crate::stage::{Stage, StageRecord};

/// Version of the folder's layout. Raised when an older reader could misread a newer folder.
pub const FORMAT: u32 = 1;

/// Whether a run lets an agent work or measures the base model itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// An agent works on the task.
    Agent,
    /// The base model is evaluated as it is; its score is the fallback of the task's runs.
    Baseline,
}

impl RunKind {
    /// The stages that a run of this kind walks through.
    pub fn stages(self) -> &'static [Stage] {
        match self {
            RunKind::Agent => &Stage::ALL,
            RunKind::Baseline => &[Stage::Evaluate, Stage::Score],
        }
    }
}

/// What limits an agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Wall-clock seconds of the agent stage.
    pub seconds: f64,
    /// Seconds between TERM and the end of every process.
    pub grace_seconds: f64,
    /// Memory of all processes of the agent, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at one time.
    pub processes: Option<u32>,
    /// Size of the collected submission, in bytes.
    pub submission_bytes: u64,
}

/// How the agent is isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxKind {
    /// The embedded back end on Linux namespaces.
    Namespaces,
    /// No isolation.
    None,
}

/// How the submission is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationSettings {
    /// Seeds of the final evaluation; only the first is used when decoding is greedy.
    pub seeds: Vec<u64>,
    /// Evaluate only so many items; for tests and trials.
    pub limit: Option<u32>,
    /// What generates the answers.
    #[serde(default)]
    pub engine: EngineName,
}

/// `spec.json`: everything a worker needs to know, resolved when the run was created.
///
/// The definitions are part of it, so that a run means the same after the binary or a file changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Layout version, see [`FORMAT`].
    pub format: u32,
    /// The run.
    pub id: RunId,
    /// The experiment it belongs to.
    pub experiment: ExperimentName,
    /// Agent run or baseline.
    pub kind: RunKind,
    /// Number of the replicate, from 1.
    pub replicate: u32,
    /// The agent; absent in a baseline.
    pub agent: Option<AgentDefinition>,
    /// The base model.
    pub base_model: BaseModelDefinition,
    /// The benchmark.
    pub benchmark: BenchmarkDefinition,
    /// Name of the pack the wording comes from.
    pub pack: String,
    /// How the benchmark's questions are worded.
    pub prompt: PromptWording,
    /// Limits of the agent.
    pub budget: Budget,
    /// Isolation of the agent.
    pub sandbox: SandboxKind,
    /// How to evaluate.
    pub evaluation: EvaluationSettings,
    /// The baseline run of the same task, whose score is the fallback.
    pub baseline: Option<RunId>,
    /// Version of `ptb` that created the run.
    pub ptb_version: String,
}

impl RunSpec {
    /// The task of the run.
    pub fn task(&self) -> Task {
        Task { benchmark: self.benchmark.id.clone(), base_model: self.base_model.id.clone() }
    }

    /// The agent's id; none for a baseline.
    pub fn agent_id(&self) -> Option<&AgentId> {
        self.agent.as_ref().map(|agent| &agent.id)
    }

    /// The benchmark's id.
    pub fn benchmark_id(&self) -> &BenchmarkId {
        &self.benchmark.id
    }

    /// Name of the run's folder: for people, and unique by the id.
    pub fn folder_name(&self) -> String {
        let agent = self.agent_id().map_or_else(|| "base".to_owned(), AgentId::to_component);
        format!("{}-{agent}-{}-{}", self.id, self.benchmark.id, self.base_model.id)
    }
}

/// A run folder that cannot be used.
#[derive(Debug, Error)]
pub enum RunFolderError {
    /// The file system refused, or a file is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// A newer version wrote the folder.
    #[error("{} has layout version {found}, this ptb reads up to {FORMAT}: use a newer ptb", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its layout version.
        found: u32,
    },
    /// There is already something at the place of a new run.
    #[error("cannot create the run folder {}: something is there already", .0.display())]
    Exists(PathBuf),
}

/// The typed handle of a run's folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident => $path:literal;)*) => {
        impl RunFolder {
            $($(#[$doc])* pub fn $name(&self) -> PathBuf { self.root.join($path) })*
        }
    };
}

places! {
    /// `spec.json`, a [`RunSpec`].
    spec_path => "spec.json";
    /// What the prepare stage laid out: the untouched harness files of the workspace.
    prepared => "prepared";
    /// The instructions the agent was given.
    instructions => "instructions.md";
    /// The folder the agent works in. Hostile.
    workspace => "workspace";
    /// Folder of the trace.
    trace => "trace";
    /// The agent's output, each line with a UTC time.
    raw_trace => "trace/raw.jsonl";
    /// The trace in the Agent Trajectory Interchange Format.
    trajectory => "trace/trajectory.json";
    /// How the agent's session ended, an [`AgentSession`].
    session_path => "session.json";
    /// What the session used, a [`Usage`].
    usage_path => "usage.json";
    /// The checked copy of the workspace's `final_model`.
    submission => "submission";
    /// Why the submission could not be evaluated, where that is so.
    evaluation_failure => "eval/failure.json";
    /// What was collected and what was refused.
    collection_path => "collection.json";
    /// The rest of the workspace, compressed.
    workspace_archive => "workspace.tar.zst";
    /// `audit/findings.json`, a list of [`Finding`]s.
    findings_path => "audit/findings.json";
    /// `audit/verdict.json`, a [`Verdict`].
    verdict_path => "audit/verdict.json";
    /// Folder of the evaluation's logs, one folder for each seed.
    evaluation => "eval";
    /// `metrics.json`, [`Metrics`].
    metrics_path => "metrics.json";
    /// `score.json`, a [`Score`].
    score_path => "score.json";
    /// Space for work in progress on the same file system; emptied when a stage begins.
    scratch => "scratch";
    /// Held by the worker of the run.
    lock_path => "worker.lock";
}

impl RunFolder {
    /// Creates the folder of a new run under `runs`, whole or not at all.
    pub fn create(runs: &Path, spec: &RunSpec) -> Result<Self, RunFolderError> {
        fs::create_dir_all(runs).with_path("create", runs)?;
        let root = runs.join(spec.folder_name());
        if root.exists() {
            return Err(RunFolderError::Exists(root));
        }
        let partial = Self { root: runs.join(format!(".partial-{}", spec.folder_name())) };
        fs::create_dir_all(&partial.root).with_path("create", &partial.root)?;
        files::write_json(&partial.spec_path(), spec)?;
        partial.events().append(EventKind::Created)?;
        files::publish(&partial.root, &root)?;
        Ok(Self { root })
    }

    /// Opens an existing run folder and reads its spec.
    pub fn open(root: impl Into<PathBuf>) -> Result<(Self, RunSpec), RunFolderError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let folder = Self { root: root.into() };
        let Format { format: found } = files::read_json(&folder.spec_path())?;
        if found > FORMAT {
            return Err(RunFolderError::Newer { path: folder.root, found });
        }
        let spec = files::read_json(&folder.spec_path())?;
        Ok((folder, spec))
    }

    /// The run folders directly under `runs`, oldest first. Folders that are still being created are passed over.
    pub fn list(runs: &Path) -> Result<Vec<PathBuf>, FileError> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(runs) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            entries => entries.with_path("list", runs)?,
        };
        for entry in entries {
            let path = entry.with_path("list", runs)?.path();
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.join("spec.json").is_file() {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The event log.
    pub fn events(&self) -> EventLog {
        EventLog::at(self.root.join("events.jsonl"))
    }

    /// The log of one seed's evaluation, in Inspect's JSON format.
    pub fn evaluation_log(&self, seed: u64) -> PathBuf {
        self.evaluation().join(seed.to_string()).join("log.json")
    }

    fn stage_path(&self, stage: Stage) -> PathBuf {
        self.root.join("stages").join(format!("{stage}.json"))
    }

    /// The record of a stage that has a result.
    pub fn stage_record(&self, stage: Stage) -> Result<Option<StageRecord>, FileError> {
        files::read_json_if_present(&self.stage_path(stage))
    }

    /// Marks a stage as done. Everything the stage left must be in place before.
    pub fn finish_stage(&self, record: &StageRecord) -> Result<(), FileError> {
        files::write_json(&self.stage_path(record.stage), record)
    }

    /// How the agent's session ended, once it has.
    pub fn session(&self) -> Result<Option<AgentSession>, FileError> {
        files::read_json_if_present(&self.session_path())
    }

    /// What the agent's session used, once it ended.
    pub fn usage(&self) -> Result<Option<Usage>, FileError> {
        files::read_json_if_present(&self.usage_path())
    }

    /// The findings, once the run was audited.
    pub fn findings(&self) -> Result<Option<Vec<Finding>>, FileError> {
        files::read_json_if_present(&self.findings_path())
    }

    /// The verdict, once the run was audited.
    pub fn verdict(&self) -> Result<Option<Verdict>, FileError> {
        files::read_json_if_present(&self.verdict_path())
    }

    /// The metrics, once the submission was evaluated.
    pub fn metrics(&self) -> Result<Option<Metrics>, FileError> {
        files::read_json_if_present(&self.metrics_path())
    }

    /// The score, once there is one.
    pub fn score(&self) -> Result<Option<Score>, FileError> {
        files::read_json_if_present(&self.score_path())
    }
}
