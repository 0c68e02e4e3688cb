//! A row: one agent, or the base models, over all tasks of the leaderboard.

use std::collections::BTreeSet;

use ptb_core::evaluation::Estimate;
use ptb_core::ids::BenchmarkId;

use super::{Cell, Mark};
use crate::results::Contestant;
use crate::statistics::{self, Spread, Summary};

/// One contestant over all tasks.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub contestant: Contestant,
    /// Place among the agents, from 1; equal averages share a place. None for the base models, and for an agent that
    /// lacks a score on some task, since its average is over other tasks.
    pub rank: Option<u32>,
    /// Mean over the tasks that have a score.
    pub average: Option<Summary>,
    /// One cell for each task of the leaderboard, in its order.
    pub cells: Vec<Cell>,
}

/// Wall-clock seconds, as a mean over runs that have an agent session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeUse {
    /// Used.
    pub used: f64,
    /// Given.
    pub budget: f64,
}

impl Row {
    /// A row that has no rank yet.
    pub fn of(contestant: Contestant, cells: Vec<Cell>) -> Self {
        let average = average(&cells.iter().collect::<Vec<_>>());
        Self { contestant, rank: None, average, cells }
    }

    /// Number of tasks with a counting score.
    pub fn scored(&self) -> usize {
        self.cells.iter().filter(|cell| cell.score.is_some()).count()
    }

    /// Whether every task has a counting score.
    pub fn is_complete(&self) -> bool {
        self.scored() == self.cells.len()
    }

    /// The cells of one benchmark, one for each base model it was run on.
    pub fn cells_of<'a>(&'a self, benchmark: &'a BenchmarkId) -> impl Iterator<Item = &'a Cell> {
        self.cells.iter().filter(move |cell| cell.task.benchmark == *benchmark)
    }

    /// Mean over the base models of one benchmark.
    pub fn benchmark(&self, benchmark: &BenchmarkId) -> Option<Summary> {
        average(&self.cells_of(benchmark).collect::<Vec<_>>())
    }

    /// All marks of the row.
    pub fn marks(&self) -> BTreeSet<Mark> {
        self.cells.iter().flat_map(|cell| cell.marks.iter().copied()).collect()
    }

    /// What the submissions themselves reached on average, where any of it does not count.
    pub fn uncounted_average(&self) -> Option<f64> {
        self.cells.iter().find(|cell| cell.uncounted_submission.is_some())?;
        let value = |cell: &Cell| cell.uncounted_submission.or(cell.score).map(|summary| summary.value);
        statistics::mean(&self.cells.iter().filter_map(value).collect::<Vec<_>>())
    }

    /// Mean time over all runs whose agent session is over.
    pub fn time(&self) -> Option<TimeUse> {
        let runs = self.cells.iter().flat_map(|cell| &cell.runs);
        let (used, budgets): (Vec<_>, Vec<_>) =
            runs.filter_map(|run| run.seconds_used.map(|used| (used, run.seconds_budget))).unzip();
        Some(TimeUse { used: statistics::mean(&used)?, budget: statistics::mean(&budgets)? })
    }
}

/// Plain mean over the cells that have a score.
///
/// Its spread is the deviation of the replicates' own means when every cell has the same replicates, two or more; the
/// combined standard error when every cell has one; unknown otherwise.
fn average(cells: &[&Cell]) -> Option<Summary> {
    let scored: Vec<Summary> = cells.iter().filter_map(|cell| cell.score).collect();
    let value = statistics::mean(&scored.iter().map(|score| score.value).collect::<Vec<_>>())?;
    let replicates = scored.iter().map(|score| score.replicates).min().unwrap_or(0);
    let spread = match common_replicates(cells).as_deref() {
        Some([only]) => statistics::mean_of_independent(only)?.standard_error.map(Spread::StandardError),
        Some(passes) => statistics::sample_deviation(&means(passes)).map(Spread::Deviation),
        None => None,
    };
    Some(Summary { value, spread, replicates })
}

fn means(passes: &[Vec<Estimate>]) -> Vec<f64> {
    let values = |pass: &Vec<Estimate>| pass.iter().map(|estimate| estimate.value).collect::<Vec<_>>();
    passes.iter().filter_map(|pass| statistics::mean(&values(pass))).collect()
}

/// The cells' estimates regrouped by replicate, when all scored cells have the same replicates.
fn common_replicates(cells: &[&Cell]) -> Option<Vec<Vec<Estimate>>> {
    let counted = |cell: &Cell| {
        cell.runs.iter().filter_map(|run| Some((run.replicate, run.counted?))).collect::<Vec<(u32, Estimate)>>()
    };
    let scored: Vec<_> = cells.iter().map(|cell| counted(cell)).filter(|runs| !runs.is_empty()).collect();
    let numbers = |runs: &[(u32, Estimate)]| runs.iter().map(|run| run.0).collect::<Vec<_>>();
    let first = numbers(scored.first()?);
    // A row with one run on each task is a single pass, whatever the runs' replicate numbers are.
    let comparable = scored.iter().all(|runs| runs.len() == 1) || scored.iter().all(|runs| numbers(runs) == first);
    comparable.then(|| (0..first.len()).map(|pass| scored.iter().map(|runs| runs[pass].1).collect()).collect())
}
