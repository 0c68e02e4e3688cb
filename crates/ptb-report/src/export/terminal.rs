//! The leaderboard as a table for the terminal.

use std::fmt::Write;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::leaderboard::{Leaderboard, Mark, Row};
use crate::notation;

/// The table and its footnotes. `width` is that of the terminal in columns; without one, lines are as long as they need.
pub fn terminal_table(leaderboard: &Leaderboard, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header(leaderboard));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.add_rows(leaderboard.rows.iter().map(|row| record(leaderboard, row)));
    for column in (0..header(leaderboard).len()).filter(|column| *column != 1) {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{table}\n");
    for note in notes(leaderboard) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{note}");
    }
    // A title or an error text must not steer the terminal.
    text.retain(|character| character == '\n' || !character.is_control());
    text
}

/// The names of the columns.
pub(super) fn header(leaderboard: &Leaderboard) -> Vec<String> {
    let mut names = vec!["#".to_owned(), "Agent".to_owned()];
    if leaderboard.tasks.len() > 1 {
        names.push("Average".to_owned());
    }
    for column in &leaderboard.benchmarks {
        let mixed = if column.is_mixed() { format!(" {}", Mark::Mixed.sign()) } else { String::new() };
        names.push(format!("{}{mixed}", column.title));
    }
    names.push("Time used".to_owned());
    names
}

/// The texts of a row, in the order of [`header`].
pub(super) fn record(leaderboard: &Leaderboard, row: &Row) -> Vec<String> {
    let mut texts = vec![row.rank.map_or_else(String::new, |rank| rank.to_string()), row.contestant.title().to_owned()];
    if leaderboard.tasks.len() > 1 {
        texts.push(average(row));
    }
    for column in &leaderboard.benchmarks {
        let marks = row.cells_of(&column.id).flat_map(|cell| cell.marks.iter().copied()).collect();
        texts.push(notation::marked(row.benchmark(&column.id).as_ref(), &marks));
    }
    texts.push(row.time().map_or_else(
        || notation::NOTHING.to_owned(),
        |time| format!("{} / {}", notation::duration(time.used), notation::duration(time.budget)),
    ));
    texts
}

fn average(row: &Row) -> String {
    let average = row.average.as_ref().map_or_else(|| notation::NOTHING.to_owned(), notation::summary);
    if row.is_complete() { average } else { format!("{average} ({} of {} tasks)", row.scored(), row.cells.len()) }
}

/// One line for each mark, submission that does not count, and unreadable folder.
fn notes(leaderboard: &Leaderboard) -> Vec<String> {
    let mut lines: Vec<String> =
        leaderboard.marks().into_iter().map(|mark| format!("{} {}", mark.sign(), mark.footnote())).collect();
    for row in &leaderboard.rows {
        for cell in &row.cells {
            if let Some(submission) = &cell.uncounted_submission {
                let (agent, number) = (row.contestant.title(), notation::summary(submission));
                lines.push(format!(
                    "  {agent}, {}: the submission itself reached {number}; it does not count.",
                    cell.task
                ));
            }
        }
    }
    for unreadable in &leaderboard.unreadable {
        lines.push(format!("! {} cannot be read and is not in the table: {}", unreadable.folder, unreadable.error));
    }
    lines
}
