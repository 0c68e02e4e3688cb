//! Having answers graded and keeping each grade as it comes.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::error::EvaluationError;
use super::journal::Journal;
use super::refresh::Refresh;
use super::runner::Progress;
use super::sample::{Outcome, SampleRecord};
use super::seed_run::{SeedFailure, SeedRun};
use crate::engine::Completion;
use crate::grader::{Answer, Grade, Grader, GradingError, JudgeExchange};
use crate::log::LogStatus;

/// The answers of one seed that have no score yet.
pub(crate) struct Grading<'a> {
    run: &'a SeedRun<'a>,
    /// Indices of the items.
    ungraded: &'a [usize],
    refresh: &'a mut Refresh,
    stop: Option<SeedFailure>,
}

impl<'a> Grading<'a> {
    pub(crate) fn new(run: &'a SeedRun<'a>, ungraded: &'a [usize], refresh: &'a mut Refresh) -> Self {
        Self { run, ungraded, refresh, stop: None }
    }

    pub(crate) fn run(
        mut self,
        grader: &dyn Grader,
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SeedFailure> {
        let completions: Vec<Completion> =
            self.ungraded.iter().filter_map(|index| self.record(*index, journal)?.completion().cloned()).collect();
        let items = &self.run.plan.items;
        let answer = |(index, completion): (&usize, _)| Answer { item: &items[*index], completion };
        let answers: Vec<_> = self.ungraded.iter().zip(&completions).map(answer).collect();
        observer(Progress::GradingStarted {
            seed: self.run.seed,
            answers: answers.len(),
            grader: grader.name(),
            expected_cost: grader.expected_cost(&answers),
        });
        let ended = grader.grade(&answers, &mut |index, grade| {
            let Some(completion) = completions.get(index) else { return ControlFlow::Continue(()) };
            self.take(index, completion.clone(), grade, journal, observer)
        });
        journal.sync()?;
        match (self.stop, ended) {
            (Some(stop), _) => Err(stop),
            (None, Err(error)) => Err(failure(error)),
            (None, Ok(())) => Ok(()),
        }
    }

    fn record<'j>(&self, index: usize, journal: &'j Journal) -> Option<&'j SampleRecord> {
        journal.record(&self.run.plan.items[index].id)
    }

    fn take(
        &mut self,
        index: usize,
        completion: Completion,
        grade: Result<Grade, GradingError>,
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> ControlFlow<()> {
        match self.keep(index, completion, grade, journal, observer) {
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
        completion: Completion,
        grade: Result<Grade, GradingError>,
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SeedFailure> {
        let grade = match grade {
            Err(error @ (GradingError::Unavailable(_) | GradingError::Failed(_))) => return Err(failure(error)),
            grade => grade,
        };
        let index = self.ungraded[index];
        let record = SampleRecord {
            id: self.run.plan.items[index].id.clone(),
            seed: self.run.request_seed(index),
            finished: Timestamp::now(),
            earlier_exchanges: self.record(index, journal).map(earlier).unwrap_or_default(),
            outcome: Outcome::graded(completion, grade),
        };
        observer(Progress::SampleGraded(&record));
        journal.add(record)?;
        if self.refresh.sync_is_due() {
            journal.sync()?;
        }
        Ok(self.refresh.log(|| self.run.write_log(journal, LogStatus::Started))?)
    }
}

/// All exchanges about an answer so far.
fn earlier(record: &SampleRecord) -> Vec<JudgeExchange> {
    record.earlier_exchanges.iter().chain(record.exchanges()).cloned().collect()
}

fn failure(error: GradingError) -> SeedFailure {
    SeedFailure::Fatal(match error {
        GradingError::Unavailable(missing) => EvaluationError::GraderUnavailable(missing),
        error => EvaluationError::Grader(error.to_string()),
    })
}
