//! The leaderboard page and a page for each run: self-contained files that open without a server or a network.
//!
//! What agents and models wrote is hostile. Every text goes through the template engine's escaping, the only markup
//! made here is charts from numbers, and a content security policy lets nothing run but our own script, by its hash.

mod board;
mod build;
mod chart;
mod clipped;
mod evidence;
mod run;
mod samples;
mod stages;
mod template;
mod trace;

pub use build::{PageError, build_pages};
