//! Results of many runs: statistics, the leaderboard, its exports, and the pages people look at.
//!
//! Everything here is computed from run folders and from nothing else; a run folder is the truth about a run.
//!
//! | module | subject |
//! |---|---|
//! | [`results`] | what stands in the run folders of a results folder |
//! | [`statistics`] | means, standard errors and deviations |
//! | [`leaderboard`] | rows, cells, marks and ranks |
//! | [`notation`] | how numbers, times and marks are written |
//! | [`export`] | the leaderboard as JSON, CSV, Markdown and a terminal table |
//! | [`pages`] | the leaderboard page and a page for each run |

pub mod export;
pub mod leaderboard;
pub mod notation;
pub mod pages;
pub mod results;
pub mod statistics;

pub use export::{csv, markdown, terminal_table, write_leaderboard_json};
pub use leaderboard::Leaderboard;
pub use pages::{PageError, build_pages};
pub use results::Results;
