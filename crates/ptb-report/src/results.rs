//! What stands in the run folders of a results folder: of each run only what the aggregation needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ptb_core::audit::Decision;
use ptb_core::evaluation::{Estimate, MetricsProvenance};
use ptb_core::event::EventKind;
use ptb_core::files::FileError;
use ptb_core::ids::{BenchmarkId, RunId, Task};
use ptb_core::outcome::AgentOutcome;
use ptb_core::run::{RunFolder, RunFolderError, RunKind, RunSpec};
use ptb_core::score::{Provenance, Score};
use ptb_core::stage::Stage;
use serde::Serialize;

/// All runs of a results folder.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// The runs, oldest first.
    pub runs: Vec<RunSummary>,
    /// Folders that could not be read. They are missing from every number, so they are reported beside them.
    pub unreadable: Vec<Unreadable>,
    /// Benchmarks whose test items must not be published: pages show ids in place of their texts.
    pub withheld: BTreeSet<BenchmarkId>,
}

/// A run folder that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Its name.
    pub folder: String,
    /// Why.
    pub error: String,
}

/// One run, as far as the leaderboard is concerned.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Its folder.
    pub folder: PathBuf,
    /// Who ran: an agent, or nobody.
    pub contestant: Contestant,
    /// The task.
    pub task: Task,
    /// The benchmark's name for people.
    pub benchmark_title: String,
    /// The base model's name for people.
    pub base_model_title: String,
    /// What the score measures, such as `accuracy`.
    pub metric: &'static str,
    /// Number of the replicate, from 1.
    pub replicate: u32,
    /// How far the run is.
    pub state: RunState,
    /// `score.json`.
    pub score: Option<Score>,
    /// The audit's decision. Its absence means that nothing is known: neither clean nor flagged.
    pub decision: Option<Decision>,
    /// How the agent's session ended.
    pub outcome: Option<AgentOutcome>,
    /// Seconds the agent used.
    pub seconds_used: Option<f64>,
    /// Seconds it was given.
    pub seconds_budget: f64,
    /// What the evaluation's numbers are about, once there are any.
    pub measured: Option<MetricsProvenance>,
    /// When the score was written.
    pub finished: Option<Timestamp>,
    /// Version of `ptb` that created the run.
    pub ptb_version: String,
}

/// Who a row of the leaderboard is about. Base models sort behind agents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contestant {
    /// An agent.
    Agent {
        /// Its id.
        id: String,
        /// Its name for people.
        title: String,
    },
    /// The base models as they are.
    Base,
}

impl Contestant {
    /// The identifier used in files: the agent's id, or `base`.
    pub fn id(&self) -> &str {
        match self {
            Contestant::Agent { id, .. } => id,
            Contestant::Base => "base",
        }
    }

    /// The name for people.
    pub fn title(&self) -> &str {
        match self {
            Contestant::Agent { title, .. } => title,
            Contestant::Base => "Base model",
        }
    }

    /// Whether this is the reference row and not an agent.
    pub fn is_base(&self) -> bool {
        matches!(self, Contestant::Base)
    }
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// No worker has taken it.
    Waiting,
    /// A worker is, or was when it was cut off, in this stage.
    Running {
        /// The first stage without a result.
        stage: Stage,
    },
    /// A stage failed for a reason that is the bench's.
    Failed {
        /// Which.
        stage: Stage,
        /// The chain of causes.
        error: String,
    },
    /// Every stage has its result.
    Done,
}

impl Results {
    /// Reads the run folders directly under `runs`. A folder that cannot be read is reported in
    /// [`Results::unreadable`]; only a failing listing of `runs` itself is an error. An absent `runs` is empty.
    pub fn read(runs: &Path) -> Result<Self, FileError> {
        let mut results = Self::default();
        for path in RunFolder::list(runs)? {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            match RunSummary::read(path) {
                Ok(run) => results.runs.push(run),
                Err(error) => results.unreadable.push(Unreadable { folder: name, error: error.to_string() }),
            }
        }
        results.runs.sort_by_key(|run| run.id);
        Ok(results)
    }
}

impl RunSummary {
    /// Reads the small records of a run folder.
    pub fn read(folder: PathBuf) -> Result<Self, RunFolderError> {
        let (folder, spec) = RunFolder::open(folder)?;
        Ok(Self::of(&folder, spec)?)
    }

    fn of(folder: &RunFolder, spec: RunSpec) -> Result<Self, FileError> {
        let session = folder.session()?;
        let verdict = folder.verdict()?;
        Ok(Self {
            id: spec.id,
            folder: folder.root().to_owned(),
            task: spec.task(),
            metric: spec.benchmark.metric.name(),
            replicate: spec.replicate,
            state: RunState::read(folder, spec.kind)?,
            score: folder.score()?,
            decision: verdict.map(|verdict| verdict.decision),
            seconds_used: session.as_ref().map(|session| session.seconds_used),
            outcome: session.map(|session| session.outcome),
            seconds_budget: spec.budget.seconds,
            measured: folder.metrics()?.map(|metrics| metrics.provenance),
            finished: folder.stage_record(Stage::Score)?.map(|record| record.ended),
            contestant: match spec.agent {
                Some(agent) => Contestant::Agent { id: agent.id.into(), title: agent.title },
                None => Contestant::Base,
            },
            benchmark_title: spec.benchmark.title,
            base_model_title: spec.base_model.title,
            ptb_version: spec.ptb_version,
        })
    }

    /// The number that counts, if any.
    ///
    /// An agent's run counts only with a verdict: with a clean one, or with a flagged one whose score is the base
    /// model's. A score that contradicts its verdict does not count.
    pub fn counted(&self) -> Option<Estimate> {
        let score = self.score.as_ref()?;
        let may_count = match (self.decision, score.provenance) {
            _ if self.contestant.is_base() => true,
            (None | Some(Decision::NeedsReview), _) | (_, Provenance::Base) => false,
            (Some(Decision::Clean), provenance) => provenance != Provenance::BaseFlagged,
            (Some(Decision::Flagged), provenance) => provenance != Provenance::Submitted,
        };
        score.counted.filter(|_| may_count)
    }

    /// What the submission itself reached, whether or not it counts.
    pub fn submission(&self) -> Option<Estimate> {
        self.score.as_ref().and_then(|score| score.submission)
    }
}

impl RunState {
    /// Reads the state from the stages' records and the last event.
    pub fn read(folder: &RunFolder, kind: RunKind) -> Result<Self, FileError> {
        let Some(stage) = first_open_stage(folder, kind)? else { return Ok(RunState::Done) };
        let last = folder.events().read()?.into_iter().next_back().map(|event| event.kind);
        Ok(match last {
            None | Some(EventKind::Created) => RunState::Waiting,
            Some(EventKind::StageFailed { stage, error }) => RunState::Failed { stage, error },
            Some(_) => RunState::Running { stage },
        })
    }

    /// The name used in files.
    pub fn name(&self) -> &'static str {
        match self {
            RunState::Waiting => "waiting",
            RunState::Running { .. } => "running",
            RunState::Failed { .. } => "failed",
            RunState::Done => "done",
        }
    }

    /// A few words for people.
    pub fn label(&self) -> String {
        match self {
            RunState::Running { stage } | RunState::Failed { stage, .. } => format!("{} ({stage})", self.name()),
            RunState::Waiting | RunState::Done => self.name().to_owned(),
        }
    }
}

fn first_open_stage(folder: &RunFolder, kind: RunKind) -> Result<Option<Stage>, FileError> {
    for stage in kind.stages() {
        if folder.stage_record(*stage)?.is_none() {
            return Ok(Some(*stage));
        }
    }
    Ok(None)
}
