//! Logs in the JSON format of Inspect (version 2), which `inspect view` and `read_eval_log` open.

mod header;
mod samples;
mod write;

pub(crate) use write::{LogStatus, SeedLog, write_log};
