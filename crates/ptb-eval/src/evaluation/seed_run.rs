//! One seed of an evaluation: ask what was not asked yet, grade what has no score yet, write the log.

use std::path::Path;

use ptb_core::evaluation::SeedMetrics;
use ptb_core::files::FileError;

use super::asking::Asking;
use super::error::EvaluationError;
use super::grading::Grading;
use super::journal::Journal;
use super::plan::Plan;
use super::provenance::provenance;
use super::refresh::Refresh;
use super::runner::Progress;
use super::sample::SampleRecord;
use super::seed_metrics::seed_metrics;
use crate::engine::{ChatRequest, Engine};
use crate::grader::Grader;
use crate::log::{LogStatus, SeedLog, write_log};

/// The result of one seed.
#[derive(Debug)]
pub(crate) struct SeedResult {
    pub(crate) metrics: SeedMetrics,
    /// In the order of the items.
    pub(crate) scores: Vec<Option<f64>>,
}

/// Why a seed has no result.
#[derive(Debug)]
pub(crate) enum SeedFailure {
    /// Try again.
    Engine(String),
    /// Stop.
    Fatal(EvaluationError),
}

impl From<FileError> for SeedFailure {
    fn from(error: FileError) -> Self {
        Self::Fatal(error.into())
    }
}

/// One seed with one token limit.
pub(crate) struct SeedRun<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) engine: &'a dyn Engine,
    pub(crate) grader: Option<&'a dyn Grader>,
    pub(crate) seed: u64,
    pub(crate) max_tokens: u32,
    pub(crate) folder: &'a Path,
}

impl SeedRun<'_> {
    /// Asks and grades what was not asked and graded yet, and writes the log.
    pub(crate) fn run(&self, observer: &mut dyn FnMut(Progress<'_>)) -> Result<SeedResult, SeedFailure> {
        let mut journal = Journal::open(self.folder, &self.settings())?;
        self.write_log(&journal, LogStatus::Started)?;
        let missing = self.indices(&journal, |record| record.is_none_or(|record| record.completion().is_none()));
        let (total, reused) = (self.plan.items.len(), self.plan.items.len() - missing.len());
        observer(Progress::SeedStarted { seed: self.seed, max_tokens: self.max_tokens, total, reused });
        let mut refresh = Refresh::start();
        if !missing.is_empty() {
            let asked = Asking::new(self, &missing, &mut refresh).run(&mut journal, observer);
            self.close_on_failure(asked, &journal)?;
        }
        let graded = self.grade(&mut journal, &mut refresh, observer);
        self.close_on_failure(graded, &journal)?;
        self.finish(&journal)
    }

    fn grade(
        &self,
        journal: &mut Journal,
        refresh: &mut Refresh,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SeedFailure> {
        if self.plan.scorer.is_some() {
            return Ok(());
        }
        let ungraded = self.indices(journal, |record| record.is_some_and(SampleRecord::is_ungraded));
        if ungraded.is_empty() {
            return Ok(());
        }
        let grader = self.grader.ok_or_else(|| {
            SeedFailure::Fatal(EvaluationError::Grader(format!("{} has no grader here", self.plan.benchmark.id)))
        })?;
        Grading::new(self, &ungraded, refresh).run(grader, journal, observer)
    }

    /// A log that says why it is not complete helps whoever finds it.
    fn close_on_failure(&self, done: Result<(), SeedFailure>, journal: &Journal) -> Result<(), SeedFailure> {
        if let Err(failure) = &done {
            let message = match failure {
                SeedFailure::Engine(message) => message.clone(),
                SeedFailure::Fatal(error) => error.to_string(),
            };
            self.write_log(journal, LogStatus::Error(&message))?;
        }
        done
    }

    /// Names this seed of this evaluation; samples are reused under the same name only.
    fn settings(&self) -> String {
        format!("{}-{}-{}", self.plan.hash(self.engine.name()), self.seed, self.max_tokens)
    }

    /// Indices of the items whose records are such.
    fn indices(&self, journal: &Journal, such: impl Fn(Option<&SampleRecord>) -> bool) -> Vec<usize> {
        let items = self.plan.items.iter().enumerate();
        items.filter(|(_, item)| such(journal.record(&item.id))).map(|(index, _)| index).collect()
    }

    /// The seed of an item's request.
    pub(crate) fn request_seed(&self, index: usize) -> u64 {
        self.plan.request_seed(self.seed, index)
    }

    pub(crate) fn request(&self, index: usize) -> ChatRequest {
        self.plan.request(index, self.max_tokens, self.request_seed(index))
    }

    fn finish(&self, journal: &Journal) -> Result<SeedResult, SeedFailure> {
        let records: Vec<&SampleRecord> = self.plan.items.iter().filter_map(|item| journal.record(&item.id)).collect();
        let Some(metrics) = seed_metrics(self.plan, self.seed, &records, journal.seconds()) else {
            let error = self.nothing_scored(&records);
            self.write_log(journal, LogStatus::Error(&error.to_string()))?;
            return Err(SeedFailure::Fatal(error));
        };
        self.write_log(journal, LogStatus::Done(&metrics))?;
        Ok(SeedResult { metrics, scores: records.iter().map(|record| record.score()).collect() })
    }

    fn nothing_scored(&self, records: &[&SampleRecord]) -> EvaluationError {
        let first = records.iter().find_map(|record| record.problem());
        EvaluationError::NothingScored {
            seed: self.seed,
            samples: self.plan.items.len(),
            first: first.unwrap_or("no answer").to_owned(),
        }
    }

    pub(crate) fn write_log(&self, journal: &Journal, status: LogStatus<'_>) -> Result<(), FileError> {
        let log = SeedLog {
            plan: self.plan,
            engine: self.engine.name(),
            seed: self.seed,
            provenance: provenance(self.plan, self.max_tokens),
            settings: &self.settings(),
            created: journal.created(),
            completed: journal.last_finished(),
            status,
        };
        write_log(&self.folder.join("log.json"), &log, &|id| journal.record(id))
    }
}
