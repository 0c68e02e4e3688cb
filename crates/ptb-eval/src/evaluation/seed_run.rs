//! One seed of an evaluation.

use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use ptb_core::evaluation::{Estimate, SeedMetrics};
use ptb_core::files::FileError;
use ptb_core::seed;

use super::error::EvaluationError;
use super::journal::Journal;
use super::metrics::{mean_with_error, present};
use super::plan::Plan;
use super::provenance::provenance;
use super::runner::Progress;
use super::sample::{Outcome, SampleRecord};
use crate::engine::{ChatRequest, Completion, Engine, EngineError};
use crate::log::{LogStatus, SeedLog, write_log};

/// Inspect counts epochs from 1; an evaluation here has one epoch for each seed.
pub(crate) const EPOCH: u32 = 1;
/// Every solver here asks once.
const FIRST_CALL: u32 = 0;
/// So many samples may be lost to a power failure.
const SYNC_EVERY: usize = 64;

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
    pub(crate) seed: u64,
    pub(crate) max_tokens: u32,
    pub(crate) folder: &'a Path,
}

impl SeedRun<'_> {
    /// Asks what was not asked yet, and writes the log.
    pub(crate) fn run(&self, observer: &mut dyn FnMut(Progress<'_>)) -> Result<SeedResult, SeedFailure> {
        let mut journal = Journal::open(self.folder, &self.settings())?;
        self.write_log(&journal, LogStatus::Started)?;
        let missing = self.missing(&journal);
        let (total, reused) = (self.plan.items.len(), self.plan.items.len() - missing.len());
        observer(Progress::SeedStarted { seed: self.seed, max_tokens: self.max_tokens, total, reused });
        if !missing.is_empty() {
            self.ask(&missing, &mut journal, observer)?;
        }
        self.finish(&journal)
    }

    /// Names this seed of this evaluation; samples are reused under the same name only.
    fn settings(&self) -> String {
        format!("{}-{}-{}", self.plan.hash(self.engine.name()), self.seed, self.max_tokens)
    }

    /// Indices of the items without a score. Samples that failed are asked again.
    fn missing(&self, journal: &Journal) -> Vec<usize> {
        let has_score = |index: &usize| {
            let record = journal.record(&self.plan.items[*index].id);
            record.is_some_and(|record| record.score().is_some())
        };
        (0..self.plan.items.len()).filter(|index| !has_score(index)).collect()
    }

    fn request(&self, index: usize) -> ChatRequest {
        let item = &self.plan.items[index];
        ChatRequest {
            messages: self.plan.prompter.messages(item),
            tools: item.tools.clone(),
            max_tokens: self.max_tokens,
            sampling: self.plan.benchmark.sampling,
            seed: seed::derive(self.seed, &item.id, EPOCH, FIRST_CALL),
        }
    }

    fn ask(
        &self,
        missing: &[usize],
        journal: &mut Journal,
        observer: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SeedFailure> {
        let requests = missing.iter().map(|index| self.request(*index)).collect();
        let mut answers =
            Answers { run: self, missing, journal, observer, answered: vec![false; missing.len()], stop: None };
        let generated = self.engine.generate(requests, &mut |index, answer| answers.take(index, answer));
        let Answers { stop, answered, .. } = answers;
        journal.sync()?;
        let unanswered = answered.iter().filter(|answered| !**answered).count();
        let failure = match (stop, generated) {
            (Some(stop), _) => stop,
            (None, Err(error)) => SeedFailure::Engine(error.to_string()),
            (None, Ok(())) if unanswered > 0 => {
                SeedFailure::Engine(format!("the engine ended without an answer to {unanswered} requests"))
            }
            (None, Ok(())) => return Ok(()),
        };
        if let SeedFailure::Engine(message) = &failure {
            self.write_log(journal, LogStatus::Error(message))?;
        }
        Err(failure)
    }

    fn finish(&self, journal: &Journal) -> Result<SeedResult, SeedFailure> {
        let records: Vec<&SampleRecord> = self.plan.items.iter().filter_map(|item| journal.record(&item.id)).collect();
        let scores: Vec<_> = records.iter().map(|record| record.score()).collect();
        let Some(estimate) = mean_with_error(&present(&scores)) else {
            let error = self.nothing_scored(&records);
            self.write_log(journal, LogStatus::Error(&error.to_string()))?;
            return Err(SeedFailure::Fatal(error));
        };
        let metrics = self.metrics(&records, estimate, journal.seconds());
        self.write_log(journal, LogStatus::Done(&metrics))?;
        Ok(SeedResult { metrics, scores })
    }

    fn nothing_scored(&self, records: &[&SampleRecord]) -> EvaluationError {
        let first = records.iter().find_map(|record| match &record.outcome {
            Outcome::Failed { error } => Some(error.clone()),
            Outcome::Scored { .. } => None,
        });
        EvaluationError::NothingScored {
            seed: self.seed,
            samples: self.plan.items.len(),
            first: first.unwrap_or_else(|| "no answer".to_owned()),
        }
    }

    fn metrics(&self, records: &[&SampleRecord], estimate: Estimate, seconds: f64) -> SeedMetrics {
        let scored = records.iter().filter(|record| record.score().is_some()).count();
        let tokens =
            |count: fn(&Completion) -> u64| records.iter().filter_map(|record| record.completion()).map(count).sum();
        SeedMetrics {
            seed: self.seed,
            estimate,
            scored: scored as u32,
            errors: (records.len() - scored) as u32,
            truncated: records.iter().filter(|record| record.is_truncated()).count() as u32,
            seconds,
            input_tokens: tokens(|completion| completion.input_tokens),
            output_tokens: tokens(|completion| completion.output_tokens),
        }
    }

    fn write_log(&self, journal: &Journal, status: LogStatus<'_>) -> Result<(), FileError> {
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

/// Takes the engine's answers.
struct Answers<'a> {
    run: &'a SeedRun<'a>,
    missing: &'a [usize],
    journal: &'a mut Journal,
    observer: &'a mut dyn FnMut(Progress<'_>),
    answered: Vec<bool>,
    stop: Option<SeedFailure>,
}

impl Answers<'_> {
    fn take(&mut self, index: usize, answer: Result<Completion, EngineError>) -> ControlFlow<()> {
        match self.keep(index, answer) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.stop.get_or_insert(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn keep(&mut self, index: usize, answer: Result<Completion, EngineError>) -> Result<(), SeedFailure> {
        if let Err(EngineError::Failed(message)) = answer {
            return Err(SeedFailure::Engine(message));
        }
        match self.answered.get_mut(index) {
            Some(answered @ false) => *answered = true,
            _ => return Err(SeedFailure::Engine(format!("the engine answered request {index} unasked or twice"))),
        }
        let item = &self.run.plan.items[self.missing[index]];
        let seed = seed::derive(self.run.seed, &item.id, EPOCH, FIRST_CALL);
        let outcome = Outcome::of(answer, self.run.plan.scorer, &item.target);
        let record = SampleRecord { id: item.id.clone(), seed, finished: Timestamp::now(), outcome };
        (self.observer)(Progress::SampleDone(&record));
        self.journal.add(record)?;
        let done = self.answered.iter().filter(|answered| **answered).count();
        if done.is_multiple_of(SYNC_EVERY) {
            self.journal.sync()?;
        }
        Ok(())
    }
}
