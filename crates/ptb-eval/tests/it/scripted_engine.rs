//! An engine that plays back what a test wrote down.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use ptb_eval::engine::{ChatRequest, Completion, Engine, EngineError, OnCompletion};

/// Answers every request by a function of the request.
pub struct ScriptedEngine<F> {
    answer: F,
    greedy: bool,
    /// So many answers come before the trouble.
    trouble_after: Cell<Option<usize>>,
    trouble: Trouble,
    /// Every request it was given.
    pub requests: RefCell<Vec<ChatRequest>>,
}

#[derive(Clone, Copy)]
pub enum Trouble {
    /// Says that it failed.
    Error,
    /// Ends without the other answers.
    Silence,
    /// Panics, as a crash would end the process.
    Panic,
}

impl<F: Fn(&ChatRequest) -> Result<Completion, EngineError>> ScriptedEngine<F> {
    pub fn new(answer: F) -> Self {
        let requests = RefCell::new(Vec::new());
        Self { answer, greedy: false, trouble_after: Cell::new(None), trouble: Trouble::Error, requests }
    }

    pub fn greedy(mut self) -> Self {
        self.greedy = true;
        self
    }

    /// Gives `count` answers, then has the trouble, once.
    pub fn with_trouble_after(mut self, count: usize, trouble: Trouble) -> Self {
        self.trouble_after = Cell::new(Some(count));
        self.trouble = trouble;
        self
    }
}

impl<F: Fn(&ChatRequest) -> Result<Completion, EngineError>> Engine for ScriptedEngine<F> {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn is_greedy(&self) -> bool {
        self.greedy
    }

    fn generate(&self, requests: Vec<ChatRequest>, on_completion: OnCompletion<'_>) -> Result<(), EngineError> {
        self.requests.borrow_mut().extend(requests.iter().cloned());
        // Backwards, because the order of answers must not matter.
        for (done, (index, request)) in requests.iter().enumerate().rev().enumerate() {
            if self.trouble_after.get() == Some(done) {
                self.trouble_after.set(None);
                return match self.trouble {
                    Trouble::Error => Err(EngineError::Failed("out of memory".to_owned())),
                    Trouble::Silence => Ok(()),
                    Trouble::Panic => panic!("the engine crashed"),
                };
            }
            if on_completion(index, (self.answer)(request)) == ControlFlow::Break(()) {
                return Ok(());
            }
        }
        Ok(())
    }
}

pub fn says(text: impl Into<String>) -> Completion {
    Completion { input_tokens: 10, output_tokens: 5, ..Completion::of_text(text) }
}

/// Answers right where the request's seed is even, and wrong elsewhere; the question holds the right answer.
#[expect(clippy::unnecessary_wraps, reason = "the form of every scripted answer")]
pub fn right_for_even_seeds(request: &ChatRequest) -> Result<Completion, EngineError> {
    let question = &request.messages.last().unwrap().content;
    let right = if request.seed.is_multiple_of(2) { question.as_str() } else { "wrong" };
    Ok(says(format!("ANSWER: {right}")))
}
