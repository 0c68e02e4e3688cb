//! `ptb status`: what the runs of a results folder are doing.

use std::path::PathBuf;

use clap::Args;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use ptb_core::index::{Index, RunRow};
use ptb_executor::results::ResultsFolder;

use crate::failure::{Outcome, Sort};
use crate::output;

/// Shows the runs of a results folder: stage, time used, verdict, score
///
/// Example: ptb status --results demo-out
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Make the index anew from the run folders first
    #[arg(long)]
    reindex: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn status(arguments: &StatusArguments) -> Outcome {
    let results = ResultsFolder::at(&arguments.results);
    if !results.runs().is_dir() {
        let message = format!("there are no runs in {}: give the folder with --results", results.root().display());
        return Err(crate::failure::usage(message));
    }
    let mut index = Index::open(&results.index()).bad()?;
    let read = if arguments.reindex { index.rebuild(&results.runs()) } else { index.refresh(&results.runs()) };
    for problem in read.bad()?.unreadable {
        output::say(format!("ptb: passed over: {problem}"));
    }
    let rows = index.runs().bad()?;
    if arguments.json { output::json(&rows) } else { output::data(&table(&rows)) }
}

fn table(rows: &[RunRow]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["run", "agent", "benchmark", "model", "state", "last stage", "time", "verdict", "score"]);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in [6, 8] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

fn cells(row: &RunRow) -> [String; 9] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let time = match row.seconds_used {
        Some(used) => format!("{used:.0} / {:.0} s", row.seconds_budget),
        None => "–".to_owned(),
    };
    let score = match (row.score, &row.provenance) {
        (Some(score), Some(provenance)) => format!("{score:.3} {provenance}"),
        _ => "–".to_owned(),
    };
    [
        row.id.clone(),
        row.agent.clone().unwrap_or_else(|| "base model".to_owned()),
        row.benchmark.clone(),
        row.base_model.clone(),
        row.state.clone(),
        or_dash(&row.stage),
        time,
        or_dash(&row.decision),
        score,
    ]
}
