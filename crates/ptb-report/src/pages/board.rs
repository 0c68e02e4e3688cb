//! What the leaderboard page shows.

use std::collections::{BTreeMap, BTreeSet};

use ptb_core::ids::RunId;
use serde::Serialize;

use super::build::run_page;
use super::chart::{Axis, Bar, Tick};
use crate::leaderboard::{Cell, CellRun, Column, Leaderboard, Mark, Row};
use crate::notation;
use crate::results::{Results, RunSummary, Unreadable};
use crate::statistics::{Spread, Summary};

/// The data of `leaderboard.html`.
#[derive(Debug, Serialize)]
pub struct BoardPage {
    agents: usize,
    tasks: Vec<String>,
    runs: usize,
    latest: Option<String>,
    show_average: bool,
    columns: Vec<ColumnView>,
    rows: Vec<RowView>,
    score_ticks: Vec<Tick>,
    time_ticks: Vec<Tick>,
    footnotes: Vec<Footnote>,
    contestants: Vec<ContestantRuns>,
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Serialize)]
struct ColumnView {
    id: String,
    title: String,
    metric: &'static str,
    mixed: bool,
    measured: Vec<MeasuredView>,
}

#[derive(Debug, Serialize)]
struct MeasuredView {
    pack: String,
    data: String,
    scorer: String,
    samples: u32,
}

#[derive(Debug, Serialize)]
struct RowView {
    rank: Option<u32>,
    title: String,
    id: String,
    base: bool,
    average: NumberView,
    /// Said where the average is not over all tasks.
    partial: Option<String>,
    benchmarks: Vec<NumberView>,
    time: Option<TimeView>,
    bar: String,
    bar_label: String,
}

/// A number of the table.
#[derive(Debug, Serialize)]
struct NumberView {
    value: Option<String>,
    spread: Option<String>,
    /// For sorting; absent sorts last.
    sort: Option<f64>,
    link: Option<String>,
    marks: Vec<MarkView>,
    uncounted: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct MarkView {
    sign: &'static str,
    label: &'static str,
}

#[derive(Debug, Serialize)]
struct Footnote {
    sign: &'static str,
    text: &'static str,
}

#[derive(Debug, Serialize)]
struct TimeView {
    used: String,
    budget: String,
    seconds: f64,
    share: String,
    bar: String,
}

/// All runs of one contestant.
#[derive(Debug, Serialize)]
struct ContestantRuns {
    id: String,
    title: String,
    runs: Vec<RunView>,
}

#[derive(Debug, Serialize)]
struct RunView {
    link: String,
    benchmark: String,
    base_model: String,
    replicate: u32,
    state: String,
    score: String,
    provenance: String,
    mark: Option<MarkView>,
    decision: String,
    time: String,
    superseded: bool,
}

impl From<Mark> for MarkView {
    fn from(mark: Mark) -> Self {
        Self { sign: mark.sign(), label: mark.label() }
    }
}

impl BoardPage {
    /// The page over all runs.
    pub fn new(results: &Results, leaderboard: &Leaderboard) -> Self {
        let axis = Axis::for_scores(leaderboard.rows.iter().flat_map(extents));
        Self {
            agents: leaderboard.agents(),
            tasks: task_titles(results),
            runs: results.runs.len(),
            latest: results.runs.iter().filter_map(|run| run.finished).max().map(notation::date_time),
            show_average: leaderboard.tasks.len() > 1,
            columns: leaderboard.benchmarks.iter().map(ColumnView::of).collect(),
            rows: leaderboard.rows.iter().map(|row| RowView::of(row, leaderboard, axis)).collect(),
            score_ticks: axis.ticks(),
            time_ticks: Axis::until(100.0).ticks(),
            footnotes: leaderboard
                .marks()
                .into_iter()
                .map(|mark| Footnote { sign: mark.sign(), text: mark.footnote() })
                .collect(),
            contestants: contestants(results, leaderboard),
            unreadable: leaderboard.unreadable.clone(),
        }
    }
}

/// The largest numbers that a row's bar reaches.
fn extents(row: &Row) -> impl Iterator<Item = f64> {
    let end = |average: Summary| average.value + average.spread.map_or(0.0, Spread::value);
    row.average.map(end).into_iter().chain(row.uncounted_average())
}

fn task_titles(results: &Results) -> Vec<String> {
    let titles: BTreeMap<_, _> = results
        .runs
        .iter()
        .map(|run| (&run.task, format!("{} on {}", run.base_model_title, run.benchmark_title)))
        .collect();
    titles.into_values().collect()
}

impl ColumnView {
    fn of(column: &Column) -> Self {
        let measured = column.measured.iter().map(|measured| MeasuredView {
            pack: notation::short_hash(&measured.pack),
            data: notation::short_hash(&measured.data),
            scorer: measured.scorer.clone(),
            samples: measured.samples,
        });
        Self {
            id: column.id.to_string(),
            title: column.title.clone(),
            metric: column.metric,
            mixed: column.is_mixed(),
            measured: measured.collect(),
        }
    }
}

impl RowView {
    fn of(row: &Row, leaderboard: &Leaderboard, axis: Axis) -> Self {
        let bar = Bar {
            value: row.average.map_or(0.0, |average| average.value),
            spread: row.average.and_then(|average| average.spread).map(Spread::value),
            outline: row.uncounted_average(),
            reference: row.contestant.is_base(),
        };
        let cells: Vec<&Cell> = row.cells.iter().collect();
        let average = NumberView::of(row, row.average, &cells);
        Self {
            rank: row.rank,
            title: row.contestant.title().to_owned(),
            id: row.contestant.id().to_owned(),
            base: row.contestant.is_base(),
            partial: (!row.is_complete()).then(|| format!("{} of {} tasks", row.scored(), row.cells.len())),
            benchmarks: leaderboard.benchmarks.iter().map(|column| NumberView::column(row, column)).collect(),
            time: TimeView::of(row),
            bar: axis.bar(&bar),
            bar_label: row.average.as_ref().map_or_else(|| "no score".to_owned(), notation::summary),
            average,
        }
    }
}

impl NumberView {
    fn column(row: &Row, column: &Column) -> Self {
        let cells: Vec<&Cell> = row.cells_of(&column.id).collect();
        Self::of(row, row.benchmark(&column.id), &cells)
    }

    fn of(row: &Row, summary: Option<Summary>, cells: &[&Cell]) -> Self {
        let runs: Vec<&CellRun> = cells.iter().flat_map(|cell| &cell.runs).collect();
        let marks: BTreeSet<Mark> = cells.iter().flat_map(|cell| cell.marks.iter().copied()).collect();
        let link = match runs.as_slice() {
            [] => None,
            [only] => Some(format!("runs/{}.html", only.id)),
            _ => Some(format!("#runs-{}", row.contestant.id().replace('/', "--"))),
        };
        let uncounted = match cells {
            [cell] => cell.uncounted_submission.map(|submission| notation::score(submission.value)),
            _ => None,
        };
        Self {
            value: summary.map(|summary| notation::score(summary.value)),
            spread: summary.and_then(|summary| summary.spread).map(|spread| notation::score(spread.value())),
            sort: summary.map(|summary| summary.value),
            link,
            marks: marks.into_iter().map(MarkView::from).collect(),
            uncounted,
        }
    }
}

impl TimeView {
    fn of(row: &Row) -> Option<Self> {
        let time = row.time()?;
        let share = time.used / time.budget * 100.0;
        let bar = Bar { value: share, ..Bar::default() };
        Some(Self {
            used: notation::duration(time.used),
            budget: notation::duration(time.budget),
            seconds: time.used,
            share: format!("{share:.0} %"),
            bar: Axis::until(100.0).bar(&bar),
        })
    }
}

fn contestants(results: &Results, leaderboard: &Leaderboard) -> Vec<ContestantRuns> {
    let standing: BTreeSet<RunId> =
        leaderboard.rows.iter().flat_map(|row| &row.cells).flat_map(|cell| &cell.runs).map(|run| run.id).collect();
    let runs_of = |row: &Row| {
        let mut runs: Vec<&RunSummary> = results.runs.iter().filter(|run| run.contestant == row.contestant).collect();
        runs.sort_by_key(|run| (&run.task, run.replicate, run.id));
        runs.into_iter().map(|run| RunView::of(run, !standing.contains(&run.id))).collect()
    };
    let view = |row: &Row| ContestantRuns {
        id: row.contestant.id().replace('/', "--"),
        title: row.contestant.title().to_owned(),
        runs: runs_of(row),
    };
    leaderboard.rows.iter().map(view).collect()
}

impl RunView {
    fn of(run: &RunSummary, superseded: bool) -> Self {
        let estimate = |estimate| crate::statistics::over_replicates(&[estimate]);
        let decision = match run.decision {
            Some(decision) => decision.to_string(),
            None if run.contestant.is_base() => notation::NOTHING.to_owned(),
            None => "no verdict".to_owned(),
        };
        Self {
            link: run_page(run),
            benchmark: run.benchmark_title.clone(),
            base_model: run.base_model_title.clone(),
            replicate: run.replicate,
            state: run.state.label(),
            score: run
                .counted()
                .and_then(estimate)
                .as_ref()
                .map_or_else(|| notation::NOTHING.to_owned(), notation::summary),
            provenance: run.score.as_ref().map_or_else(String::new, |score| score.provenance.to_string()),
            mark: Mark::of(run).map(MarkView::from),
            decision,
            time: run.seconds_used.map_or_else(|| notation::NOTHING.to_owned(), notation::duration),
            superseded,
        }
    }
}
