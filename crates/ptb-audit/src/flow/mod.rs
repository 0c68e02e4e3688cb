//! Data flow: which files reached training, read off the trace's commands and the scripts they start.
//!
//! Nothing is run. [`shell`] takes commands apart, [`script`] finds the files that a script names, [`step`] says what one
//! command reads and writes, and [`graph`] follows files from command to command.

mod graph;
mod script;
mod shell;
mod step;

pub(crate) use graph::{Feed, Flow, FlowSources, TestFeed};
