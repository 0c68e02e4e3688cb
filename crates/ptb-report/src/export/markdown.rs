//! The leaderboard as a Markdown table with footnotes.

use std::fmt::Write;

use super::terminal::{header, record};
use crate::leaderboard::Leaderboard;

/// A table in the dialect of GitHub, one row for each row of the leaderboard.
pub fn markdown(leaderboard: &Leaderboard) -> String {
    let mut text = String::new();
    let columns = header(leaderboard);
    let rule = columns.iter().enumerate().map(|(place, _)| if place == 1 { "---" } else { "---:" }.to_owned());
    for line in
        [columns.clone(), rule.collect()].into_iter().chain(leaderboard.rows.iter().map(|row| record(leaderboard, row)))
    {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", line.iter().map(|field| escaped(field)).collect::<Vec<_>>().join(" | "));
    }
    for mark in leaderboard.marks() {
        let _ = write!(text, "\n{} {}\n", escaped(mark.sign()), mark.footnote());
    }
    text
}

/// Escapes what Markdown or HTML would read as markup.
fn escaped(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    for character in field.chars() {
        match character {
            '\n' | '\r' => text.push(' '),
            '<' => text.push_str("&lt;"),
            '&' => text.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '+' => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}
