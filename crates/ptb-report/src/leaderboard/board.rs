//! The whole leaderboard.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use ptb_core::ids::Task;

use super::{BaseModel, Cell, Column, Mark, Row};
use crate::results::{Contestant, Results, RunSummary, Unreadable};

/// Averages that differ by less are equal: it is far below what any number of test items can resolve.
const SAME: f64 = 1e-12;

/// Rows in rank order over the tasks of all runs.
#[derive(Debug, Clone)]
pub struct Leaderboard {
    /// The benchmarks, by id.
    pub benchmarks: Vec<Column>,
    /// The base models, by id.
    pub models: Vec<BaseModel>,
    /// The tasks that anybody ran, by benchmark and base model.
    pub tasks: Vec<Task>,
    /// Complete rows by descending average, then incomplete ones. The base models stand at their place without a rank.
    pub rows: Vec<Row>,
    /// Run folders that could not be read and are missing from the rows.
    pub unreadable: Vec<Unreadable>,
}

impl Leaderboard {
    /// The leaderboard over all runs.
    pub fn new(results: &Results) -> Self {
        let tasks: Vec<Task> =
            results.runs.iter().map(|run| run.task.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let mut by_contestant: BTreeMap<Contestant, Vec<&RunSummary>> = BTreeMap::new();
        for run in &results.runs {
            by_contestant.entry(run.contestant.clone()).or_default().push(run);
        }
        let mut rows: Vec<Row> =
            by_contestant.into_iter().map(|(contestant, runs)| row(contestant, &tasks, &runs)).collect();
        rows.sort_by(place);
        rank(&mut rows);
        Self {
            benchmarks: Column::all(&results.runs),
            models: BaseModel::all(&results.runs),
            tasks,
            rows,
            unreadable: results.unreadable.clone(),
        }
    }

    /// The marks that stand anywhere on the leaderboard, in the order of the footnotes.
    pub fn marks(&self) -> Vec<Mark> {
        let mixed = self.benchmarks.iter().any(Column::is_mixed).then_some(Mark::Mixed);
        let used: BTreeSet<Mark> = self.rows.iter().flat_map(Row::marks).chain(mixed).collect();
        Mark::ALL.into_iter().filter(|mark| used.contains(mark)).collect()
    }

    /// Number of agents.
    pub fn agents(&self) -> usize {
        self.rows.iter().filter(|row| !row.contestant.is_base()).count()
    }
}

fn row(contestant: Contestant, tasks: &[Task], runs: &[&RunSummary]) -> Row {
    let mut by_task: BTreeMap<&Task, Vec<&RunSummary>> = BTreeMap::new();
    for run in runs {
        by_task.entry(&run.task).or_default().push(run);
    }
    let cell = |task: &Task| Cell::of(task.clone(), by_task.remove(task).unwrap_or_default());
    Row::of(contestant, tasks.iter().map(cell).collect())
}

/// Complete rows first, then by descending average, agents before base models, then by name.
fn place(left: &Row, right: &Row) -> Ordering {
    let incomplete = |row: &Row| !row.is_complete();
    let average = |row: &Row| row.average.map_or(f64::NEG_INFINITY, |average| (average.value / SAME).round());
    incomplete(left)
        .cmp(&incomplete(right))
        .then_with(|| average(right).total_cmp(&average(left)))
        .then_with(|| left.contestant.is_base().cmp(&right.contestant.is_base()))
        .then_with(|| left.contestant.cmp(&right.contestant))
}

fn rank(rows: &mut [Row]) {
    let mut last: Option<(u32, f64)> = None;
    let ranked = rows.iter_mut().filter(|row| !row.contestant.is_base() && row.is_complete());
    for (number, row) in (1..).zip(ranked) {
        let Some(average) = row.average else { continue };
        let shared = last.filter(|(_, value)| (value - average.value).abs() < SAME);
        let place = shared.map_or(number, |(place, _)| place);
        row.rank = Some(place);
        last = Some((place, average.value));
    }
}
