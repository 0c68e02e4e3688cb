//! A cell: what one agent reached on one task, over its replicates.

use std::collections::{BTreeMap, BTreeSet};

use ptb_core::audit::Decision;
use ptb_core::evaluation::Estimate;
use ptb_core::ids::{RunId, Task};
use ptb_core::score::Provenance;

use super::Mark;
use crate::results::{RunState, RunSummary};
use crate::statistics::{self, Summary};

/// What one contestant reached on one task.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The task.
    pub task: Task,
    /// The number that counts: one run's estimate, or mean and deviation over the replicates that have one.
    pub score: Option<Summary>,
    /// What the submissions themselves reached, where it differs from what counts.
    pub uncounted_submission: Option<Summary>,
    /// What qualifies the number.
    pub marks: BTreeSet<Mark>,
    /// One run for each replicate, in their order.
    pub runs: Vec<CellRun>,
}

/// The run that stands for one replicate of a cell.
#[derive(Debug, Clone)]
pub struct CellRun {
    /// The run.
    pub id: RunId,
    /// Number of the replicate.
    pub replicate: u32,
    /// How far it is.
    pub state: RunState,
    /// The number that counts.
    pub counted: Option<Estimate>,
    /// Where it comes from.
    pub provenance: Option<Provenance>,
    /// What the submission itself reached.
    pub submission: Option<Estimate>,
    /// The audit's decision.
    pub decision: Option<Decision>,
    /// Why the number is not simply the submission's own.
    pub mark: Option<Mark>,
    /// Seconds the agent used.
    pub seconds_used: Option<f64>,
    /// Seconds it was given.
    pub seconds_budget: f64,
}

impl CellRun {
    fn of(run: &RunSummary) -> Self {
        Self {
            id: run.id,
            replicate: run.replicate,
            state: run.state.clone(),
            counted: run.counted(),
            provenance: run.score.as_ref().map(|score| score.provenance),
            submission: run.submission(),
            decision: run.decision,
            mark: Mark::of(run),
            seconds_used: run.seconds_used,
            seconds_budget: run.seconds_budget,
        }
    }

    /// The submission's own estimate, where it is not the number that counts.
    pub fn uncounted_submission(&self) -> Option<Estimate> {
        let replaced = self.provenance.is_some_and(|provenance| provenance != Provenance::Base);
        self.submission.filter(|submission| replaced && self.counted != Some(*submission))
    }
}

impl Cell {
    /// The cell of `task` from one contestant's runs on it. Where a replicate was run several times, the latest run
    /// with a score stands for it, else the latest run.
    pub fn of<'a>(task: Task, runs: impl IntoIterator<Item = &'a RunSummary>) -> Self {
        let mut latest: BTreeMap<u32, &RunSummary> = BTreeMap::new();
        for run in runs {
            let standing = latest.entry(run.replicate).or_insert(run);
            if (run.score.is_some(), run.id) > (standing.score.is_some(), standing.id) {
                *standing = run;
            }
        }
        let runs: Vec<CellRun> = latest.into_values().map(CellRun::of).collect();
        let over = |estimate: fn(&CellRun) -> Option<Estimate>| {
            statistics::over_replicates(&runs.iter().filter_map(estimate).collect::<Vec<_>>())
        };
        Self {
            task,
            score: over(|run| run.counted),
            uncounted_submission: over(CellRun::uncounted_submission),
            marks: runs.iter().filter_map(|run| run.mark).collect(),
            runs,
        }
    }
}
