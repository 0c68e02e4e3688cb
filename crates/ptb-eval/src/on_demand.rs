//! An engine that starts when it is first asked, so that an evaluation whose answers are all there starts none.

use std::cell::RefCell;
use std::fmt;

use crate::engine::{ChatRequest, Engine, EngineError, OnCompletion};

/// Starts an engine.
type Start<'a> = Box<dyn Fn() -> Result<Box<dyn Engine>, EngineError> + 'a>;

/// What is known of an engine before it starts, and how to start it.
pub struct OnDemandEngine<'a> {
    name: String,
    greedy: bool,
    start: Start<'a>,
    engine: RefCell<Option<Box<dyn Engine>>>,
}

impl fmt::Debug for OnDemandEngine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let started = self.engine.borrow().is_some();
        formatter.debug_struct("OnDemandEngine").field("name", &self.name).field("started", &started).finish()
    }
}

impl<'a> OnDemandEngine<'a> {
    /// An engine of this name; `greedy` says whether it decodes greedily.
    pub fn new(
        name: impl Into<String>,
        greedy: bool,
        start: impl Fn() -> Result<Box<dyn Engine>, EngineError> + 'a,
    ) -> Self {
        Self { name: name.into(), greedy, start: Box::new(start), engine: RefCell::new(None) }
    }
}

impl Engine for OnDemandEngine<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_greedy(&self) -> bool {
        self.greedy
    }

    /// An engine that failed is dropped, and the next call starts another.
    fn generate(&self, requests: Vec<ChatRequest>, on_completion: OnCompletion<'_>) -> Result<(), EngineError> {
        let mut slot = self.engine.borrow_mut();
        let engine = match slot.take() {
            Some(engine) => engine,
            None => (self.start)()?,
        };
        engine.generate(requests, on_completion)?;
        *slot = Some(engine);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Broken;

    impl Engine for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn is_greedy(&self) -> bool {
            true
        }

        fn generate(&self, requests: Vec<ChatRequest>, _: OnCompletion<'_>) -> Result<(), EngineError> {
            if requests.is_empty() { Ok(()) } else { Err(EngineError::Failed("out of memory".to_owned())) }
        }
    }

    fn request() -> ChatRequest {
        ChatRequest {
            messages: Vec::new(),
            tools: Vec::new(),
            max_tokens: 1,
            seed: 1,
            sampling: ptb_core::definitions::SamplingOverrides::default(),
        }
    }

    #[test]
    fn it_starts_once_and_again_after_a_failure() {
        let starts = Cell::new(0);
        let engine = OnDemandEngine::new("broken", true, || {
            starts.set(starts.get() + 1);
            Ok(Box::new(Broken))
        });
        let on_completion = &mut |_, _| std::ops::ControlFlow::Continue(());
        assert_eq!((engine.name(), engine.is_greedy(), starts.get()), ("broken", true, 0));
        for _ in 0..2 {
            engine.generate(Vec::new(), on_completion).unwrap();
        }
        assert_eq!(starts.get(), 1);
        engine.generate(vec![request()], on_completion).unwrap_err();
        engine.generate(Vec::new(), on_completion).unwrap();
        assert_eq!(starts.get(), 2);
    }
}
