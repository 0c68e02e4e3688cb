//! The stages and events of a run as a timeline.

use jiff::Timestamp;
use ptb_core::event::{Event, EventKind};
use ptb_core::files::FileError;
use ptb_core::run::{RunFolder, RunKind};
use serde::Serialize;

use super::chart::Axis;
use super::clipped::Clipped;
use crate::notation;

/// Most events that a page shows.
const MAX_EVENTS: usize = 200;

/// One stage.
#[derive(Debug, Serialize)]
pub struct StageView {
    name: &'static str,
    /// Its place on the run's time line, as the content of an SVG.
    span: Option<String>,
    duration: String,
    started: String,
    attempts: u32,
    summary: String,
}

/// One event.
#[derive(Debug, Serialize)]
pub struct EventView {
    time: String,
    text: Clipped,
}

/// The stages that a run of this kind walks, done or not.
pub fn stages(folder: &RunFolder, kind: RunKind) -> Result<Vec<StageView>, FileError> {
    let records: Vec<_> = kind
        .stages()
        .iter()
        .map(|stage| Ok((*stage, folder.stage_record(*stage)?)))
        .collect::<Result<_, FileError>>()?;
    let done = || records.iter().filter_map(|(_, record)| record.as_ref());
    let start = done().map(|record| record.started).min().unwrap_or(Timestamp::UNIX_EPOCH);
    let end = done().map(|record| record.ended).max().unwrap_or(start);
    let axis = Axis::until(seconds(start, end));
    Ok(records
        .iter()
        .map(|(stage, record)| StageView {
            name: stage.name(),
            span: record.as_ref().map(|record| axis.span(seconds(start, record.started), seconds(start, record.ended))),
            duration: record.as_ref().map_or_else(
                || notation::NOTHING.to_owned(),
                |record| notation::duration(seconds(record.started, record.ended)),
            ),
            started: record.as_ref().map_or_else(String::new, |record| notation::date_time(record.started)),
            attempts: record.as_ref().map_or(0, |record| record.attempts),
            summary: record.as_ref().map_or_else(|| "no result yet".to_owned(), |record| record.summary.clone()),
        })
        .collect())
}

/// The last events and how many came before them.
pub fn events(events: &[Event]) -> (Vec<EventView>, usize) {
    let omitted = events.len().saturating_sub(MAX_EVENTS);
    let view = |event: &Event| EventView {
        time: notation::date_time(event.time),
        text: Clipped::new(&text(&event.kind), 2000),
    };
    (events[omitted..].iter().map(view).collect(), omitted)
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

fn text(kind: &EventKind) -> String {
    match kind {
        EventKind::Created => "run folder created".to_owned(),
        EventKind::WorkerStarted { pid } => format!("worker started (process {pid})"),
        EventKind::StageStarted { stage, attempt: 1 } => format!("{stage} started"),
        EventKind::StageStarted { stage, attempt } => format!("{stage} started, attempt {attempt}"),
        EventKind::StageInterrupted { stage } => format!("{stage} was interrupted; what it had done is thrown away"),
        EventKind::StageFinished { stage, summary } => format!("{stage} finished: {summary}"),
        EventKind::StageFailed { stage, error } => format!("{stage} failed: {error}"),
        EventKind::Note { message } => message.clone(),
        EventKind::Finished => "run finished".to_owned(),
    }
}
