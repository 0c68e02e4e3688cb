//! One line for each run that stands for a cell, for spreadsheets and data frames.

use ptb_core::evaluation::Estimate;

use crate::leaderboard::{Cell, CellRun, Leaderboard, Row};

const HEADER: &str = "rank,kind,id,title,benchmark,base_model,replicate,state,score,standard_error,provenance,decision,\
                      submission_score,submission_standard_error,seconds_used,seconds_budget,run_id";

/// The leaderboard as comma-separated values (RFC 4180), scores at full precision. Absent values are empty fields.
pub fn csv(leaderboard: &Leaderboard) -> String {
    let mut text = format!("{HEADER}\n");
    for row in &leaderboard.rows {
        for cell in &row.cells {
            for run in &cell.runs {
                text.push_str(&line(row, cell, run));
                text.push('\n');
            }
        }
    }
    text
}

fn line(row: &Row, cell: &Cell, run: &CellRun) -> String {
    let value = |estimate: Option<Estimate>| text(estimate.map(|estimate| estimate.value));
    let error = |estimate: Option<Estimate>| text(estimate.and_then(|estimate| estimate.standard_error));
    let fields = [
        text(row.rank),
        if row.contestant.is_base() { "base" } else { "agent" }.to_owned(),
        row.contestant.id().to_owned(),
        row.contestant.title().to_owned(),
        cell.task.benchmark.to_string(),
        cell.task.base_model.to_string(),
        run.replicate.to_string(),
        run.state.name().to_owned(),
        value(run.counted),
        error(run.counted),
        text(run.provenance),
        text(run.decision),
        value(run.submission),
        error(run.submission),
        text(run.seconds_used),
        run.seconds_budget.to_string(),
        run.id.to_string(),
    ];
    fields.map(|field| quoted(&field)).join(",")
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn quoted(field: &str) -> String {
    // A spreadsheet takes a field that begins like a formula for one; the apostrophe says that it is text.
    let guard =
        if field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err() { "'" } else { "" };
    if guard.is_empty() && !field.contains([',', '"', '\n', '\r']) {
        return field.to_owned();
    }
    format!("\"{guard}{}\"", field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_would_break_the_line_or_run_as_a_formula_are_quoted() {
        let shown = ["plain", "a,b", "say \"x\"", "=1+1", "-0.5"].map(quoted);
        assert_eq!(shown, ["plain", "\"a,b\"", "\"say \"\"x\"\"\"", "\"'=1+1\"", "-0.5"]);
    }
}
