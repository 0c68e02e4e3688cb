//! Puts a log together and writes it.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use jiff::Timestamp;
use ptb_core::evaluation::{MetricsProvenance, SeedMetrics};
use ptb_core::files::{self, FileError};
use serde::Serialize;

use super::header::{Error, Evaluation, Results, Solver, Statistics};
use super::samples::Sample;
use crate::evaluation::{Plan, SampleRecord};

/// How far the evaluation of a log is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogStatus<'a> {
    /// It runs, or was cut off; the latest samples are in `samples.jsonl` only.
    Started,
    /// It failed.
    Error(&'a str),
    /// All samples were asked; some may have no score.
    Done(&'a SeedMetrics),
}

/// One seed's log.
pub(crate) struct SeedLog<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) engine: &'a str,
    pub(crate) seed: u64,
    pub(crate) provenance: MetricsProvenance,
    /// Names the evaluation; equal for every start of the same one.
    pub(crate) settings: &'a str,
    pub(crate) created: Timestamp,
    pub(crate) completed: Timestamp,
    pub(crate) status: LogStatus<'a>,
}

impl SeedLog<'_> {
    pub(crate) fn model(&self) -> String {
        format!("{}/{}", self.engine, self.plan.model.name)
    }

    fn error(&self) -> Option<String> {
        match self.status {
            LogStatus::Error(message) => Some(message.to_owned()),
            LogStatus::Done(metrics) if metrics.errors > 0 => {
                Some(format!("{} of {} samples have no score", metrics.errors, metrics.errors + metrics.scored))
            }
            LogStatus::Started | LogStatus::Done(_) => None,
        }
    }
}

#[derive(Serialize)]
struct EvalLog<'a> {
    version: u32,
    status: &'static str,
    eval: Evaluation<'a>,
    plan: Solver,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Results>,
    stats: Statistics,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    samples: Vec<Sample<'a>>,
}

/// Writes the log whole; `record` finds what is known about a sample.
pub(crate) fn write_log<'a>(
    path: &Path,
    log: &'a SeedLog<'a>,
    record: &dyn Fn(&str) -> Option<&'a SampleRecord>,
) -> Result<(), FileError> {
    let error = log.error();
    let started = matches!(log.status, LogStatus::Started);
    let document = EvalLog {
        version: 2,
        status: match (started, &error) {
            (true, _) => "started",
            (false, Some(_)) => "error",
            (false, None) => "success",
        },
        eval: Evaluation::of(log),
        plan: Solver::of(log),
        results: Results::of(log),
        stats: Statistics::of(log, record),
        error: error.map(Error::new),
        samples: samples(log, record),
    };
    files::write_atomic_with(path, |file| {
        let mut writer = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut writer, &document)?;
        writer.write_all(b"\n")?;
        writer.flush()
    })
}

fn samples<'a>(log: &'a SeedLog<'a>, record: &dyn Fn(&str) -> Option<&'a SampleRecord>) -> Vec<Sample<'a>> {
    log.plan.items.iter().filter_map(|item| Some(Sample::of(log, item, record(&item.id)?))).collect()
}
