//! Asking the engine for answers and keeping each as it comes.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::error::EvaluationError;
use super::journal::Journal;
use super::refresh::Refresh;
use super::runner::Progress;
use super::sample::{Outcome, SampleRecord};
use super::seed_run::{SeedFailure, SeedRun};
use crate::engine::{Completion, EngineError};
use crate::log::LogStatus;

/// The questions of one seed that have no answer yet.
pub(crate) struct Asking<'a> {
    run: &'a SeedRun<'a>,
    /// Indices of the items.
    missing: &'a [usize],
    refresh: &'a mut Refresh,
    answered: Vec<bool>,
    stop: Option<SeedFailure>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(run: &'a SeedRun<'a>, missing: &'a [usize], refresh: &'a mut Refresh) -> Self {
        Self { run, missing, refresh, answered: vec![false; missing.len()], stop: None }
    }

    pub(crate) fn run(
        mut self,
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SeedFailure> {
        let requests = self.missing.iter().map(|index| self.run.request(*index)).collect();
        let engine = self.run.engine;
        let generated = engine.generate(requests, &mut |index, answer| self.take(index, answer, journal, observer));
        journal.sync()?;
        let unanswered = self.answered.iter().filter(|answered| !**answered).count();
        match (self.stop, generated) {
            (Some(stop), _) => Err(stop),
            (None, Err(EngineError::Unavailable(missing))) => {
                Err(SeedFailure::Fatal(EvaluationError::EngineUnavailable(missing)))
            }
            (None, Err(error)) => Err(SeedFailure::Engine(error.to_string())),
            (None, Ok(())) if unanswered > 0 => {
                Err(SeedFailure::Engine(format!("the engine ended without an answer to {unanswered} requests")))
            }
            (None, Ok(())) => Ok(()),
        }
    }

    fn take(
        &mut self,
        index: usize,
        answer: Result<Completion, EngineError>,
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> ControlFlow<()> {
        match self.keep(index, answer, journal, observer) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.stop.get_or_insert(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn keep(
        &mut self,
        index: usize,
        answer: Result<Completion, EngineError>,
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SeedFailure> {
        if let Err(EngineError::Failed(message)) = answer {
            return Err(SeedFailure::Engine(message));
        }
        match self.answered.get_mut(index) {
            Some(answered @ false) => *answered = true,
            _ => return Err(SeedFailure::Engine(format!("the engine answered request {index} unasked or twice"))),
        }
        let (plan, index) = (self.run.plan, self.missing[index]);
        let item = &plan.items[index];
        let outcome = Outcome::of(answer, plan.scorer, item);
        let seed = self.run.request_seed(index);
        let record = SampleRecord {
            id: item.id.clone(),
            seed,
            finished: Timestamp::now(),
            earlier_exchanges: Vec::new(),
            outcome,
        };
        observer(Progress::SampleDone(&record));
        journal.add(record)?;
        if self.refresh.sync_is_due() {
            journal.sync()?;
        }
        Ok(self.refresh.log(|| self.run.write_log(journal, LogStatus::Started))?)
    }
}
