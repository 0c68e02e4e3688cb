//! From a completion to a score.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::compat::{Ran, run};
use super::config::CodeConfig;
use super::error::PoolError;
use super::pool::Pool;
use crate::data::{ProgramTests, Reference};
use crate::grader::{Answer, Grade, Grader, GradingError, OnGrade};
use crate::scorer::Scored;
use crate::scorer::compat::{Raised, Recorded, completion_of_content, find_code};

/// Scores programs by running them.
#[derive(Debug)]
pub struct CodeGrader {
    pool: Pool,
}

impl CodeGrader {
    /// A grader with processes that are ready. Fails where programs cannot be run, before anything is generated.
    pub fn new(config: CodeConfig) -> Result<Self, PoolError> {
        Pool::new(config).map(|pool| Self { pool })
    }

    /// The processes.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The strict score of a model's text: 1 if every test ran and held.
    pub fn score(&self, text: &str, tests: &ProgramTests) -> Result<Scored, PoolError> {
        let completion = completion_of_content(text);
        let code = find_code(&completion);
        let verdict = self.pool.check(tests, code)?;
        Ok(Scored::new(f64::from(u8::from(verdict.passed)), Some(code), &verdict.reason))
    }

    /// What the reference makes of a completion, from which thinking is removed already.
    pub fn score_as_reference(
        &self,
        completion: &str,
        tests: &ProgramTests,
    ) -> Result<Result<Recorded, Raised>, PoolError> {
        let code = find_code(completion);
        Ok(match run(&self.pool, tests, code)? {
            Ran::Scored(verdict) => Ok(Recorded { is_right: verdict.passed, answer: code.to_owned() }),
            Ran::Raised(raised) => Err(raised),
        })
    }

    fn grade_one(&self, answer: &Answer<'_>) -> Result<Grade, GradingError> {
        let Reference::Tests(tests) = &answer.item.reference else {
            return Err(GradingError::sample(format!("the item {} has no tests", answer.item.id)));
        };
        let scored = self.score(&answer.completion.text, tests).map_err(|error| grading_error(&error))?;
        Ok(Grade { scored, exchanges: Vec::new() })
    }

    /// Takes one answer after the other, until there are none or nobody listens.
    fn work(&self, answers: &[Answer<'_>], next: &AtomicUsize, results: &SyncSender<Graded>) {
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(answer) = answers.get(index)
        {
            if results.send((index, self.grade_one(answer))).is_err() {
                return;
            }
        }
    }
}

type Graded = (usize, Result<Grade, GradingError>);

impl Grader for CodeGrader {
    fn name(&self) -> &'static str {
        "code-execution"
    }

    fn grade(&self, answers: &[Answer<'_>], on_grade: OnGrade<'_>) -> Result<(), GradingError> {
        let workers = self.pool.config().workers.clamp(1, answers.len().max(1));
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (sender, results) = sync_channel::<Graded>(workers);
            for _ in 0..workers {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || self.work(answers, next, &sender));
            }
            drop(sender);
            for (index, grade) in results {
                match grade {
                    Err(error @ (GradingError::Unavailable(_) | GradingError::Failed(_))) => return Err(error),
                    grade => {
                        if on_grade(index, grade) == ControlFlow::Break(()) {
                            return Ok(());
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// What is wrong with one item's tests costs that item its score; the rest is about this machine.
fn grading_error(error: &PoolError) -> GradingError {
    let text = error.to_string();
    match error {
        PoolError::Tests { .. } | PoolError::Checker { .. } => GradingError::sample(text),
        PoolError::Interpreter { .. } | PoolError::Environment { .. } => GradingError::Unavailable(text),
        PoolError::Sandbox(_) | PoolError::Host { .. } => GradingError::Failed(text),
    }
}
