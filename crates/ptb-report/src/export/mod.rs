//! The leaderboard in formats that people and other programs read.

mod csv;
mod json;
mod markdown;
mod terminal;

pub use csv::csv;
pub use json::{FORMAT, leaderboard_json, write_leaderboard_json};
pub use markdown::markdown;
pub use terminal::terminal_table;
