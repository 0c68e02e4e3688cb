//! `leaderboard.json`.
//!
//! ```json
//! {
//!   "format": 1,
//!   "scores": {
//!     "benchmarks": [{"id", "title", "metric", "mixed", "measured": [{"pack", "data", "scorer", "samples"}]}],
//!     "base_models": [{"id", "title"}],
//!     "rows": [{
//!       "rank", "kind": "agent" | "base", "id", "title",
//!       "average": {"value", "spread": {"kind": "standard_error" | "deviation", "value"}, "replicates"},
//!       "tasks_scored", "tasks",
//!       "cells": [{"benchmark", "base_model", "score", "uncounted_submission", "marks": ["flagged"],
//!                  "replicates": [{"replicate", "state", "counted", "provenance", "decision", "submission"}]}]
//!     }]
//!   },
//!   "runs": [{"id", "contestant", "benchmark", "base_model", "replicate", "seconds_used", "seconds_budget"}],
//!   "unreadable": [{"folder", "error"}],
//!   "ptb_version": "0.1.0"
//! }
//! ```
//!
//! Everything under `scores` is a function of what was measured: the same scores give the same bytes. What differs
//! between two runs of the same experiment (ids, seconds) stands under `runs`. Absent numbers are `null`. Fields may be
//! added; `format` is raised when one changes its meaning or goes.

use std::path::Path;

use ptb_core::files::{self, FileError};
use serde_json::{Value, json};

use crate::leaderboard::{Cell, CellRun, Column, Leaderboard, Row};

/// Version of the shape above.
pub const FORMAT: u32 = 1;

/// Writes `leaderboard.json` to `path`, atomically.
pub fn write_leaderboard_json(leaderboard: &Leaderboard, path: &Path) -> Result<(), FileError> {
    files::write_json(path, &leaderboard_json(leaderboard))
}

/// The document.
pub fn leaderboard_json(leaderboard: &Leaderboard) -> Value {
    json!({
        "format": FORMAT,
        "scores": {
            "benchmarks": leaderboard.benchmarks.iter().map(column).collect::<Vec<_>>(),
            "base_models": leaderboard.models,
            "rows": leaderboard.rows.iter().map(row).collect::<Vec<_>>(),
        },
        "runs": leaderboard.rows.iter().flat_map(runs).collect::<Vec<_>>(),
        "unreadable": leaderboard.unreadable,
        "ptb_version": env!("CARGO_PKG_VERSION"),
    })
}

fn column(column: &Column) -> Value {
    json!({
        "id": column.id,
        "title": column.title,
        "metric": column.metric,
        "mixed": column.is_mixed(),
        "measured": column.measured,
    })
}

fn row(row: &Row) -> Value {
    json!({
        "rank": row.rank,
        "kind": if row.contestant.is_base() { "base" } else { "agent" },
        "id": row.contestant.id(),
        "title": row.contestant.title(),
        "average": row.average,
        "tasks_scored": row.scored(),
        "tasks": row.cells.len(),
        "cells": row.cells.iter().map(cell).collect::<Vec<_>>(),
    })
}

fn cell(cell: &Cell) -> Value {
    json!({
        "benchmark": cell.task.benchmark,
        "base_model": cell.task.base_model,
        "score": cell.score,
        "uncounted_submission": cell.uncounted_submission,
        "marks": cell.marks,
        "replicates": cell.runs.iter().map(replicate).collect::<Vec<_>>(),
    })
}

fn replicate(run: &CellRun) -> Value {
    json!({
        "replicate": run.replicate,
        "state": run.state.name(),
        "counted": run.counted,
        "provenance": run.provenance,
        "decision": run.decision,
        "submission": run.submission,
    })
}

fn runs(row: &Row) -> impl Iterator<Item = Value> {
    row.cells.iter().flat_map(move |cell| {
        cell.runs.iter().map(move |run| {
            json!({
                "id": run.id,
                "contestant": row.contestant.id(),
                "benchmark": cell.task.benchmark,
                "base_model": cell.task.base_model,
                "replicate": run.replicate,
                "seconds_used": run.seconds_used,
                "seconds_budget": run.seconds_budget,
            })
        })
    })
}
