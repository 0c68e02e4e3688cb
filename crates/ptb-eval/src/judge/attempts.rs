//! How often a judge is asked, and when again.
//!
//! Two loops lie in one another, as in the reference: an *attempt* asks for a usable reply, and within it a request is
//! *retried* while the server is overloaded or out of reach.

use std::time::Duration;

/// How often, and with which pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRule {
    /// Attempts until a usable reply.
    pub attempts: u32,
    /// Further requests of one attempt while the server cannot answer.
    pub retries: u32,
    /// The pause after the first attempt that failed.
    pub pause: Duration,
    /// How it grows.
    pub growth: Growth,
}

/// How pauses grow from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Once, twice, three times the first one.
    Linear,
    /// Each twice the one before.
    Doubling,
}

impl RetryRule {
    /// The reference's rule for rubrics: pauses of 2, 4, 6, 8 seconds.
    pub fn rubric(attempts: u32) -> Self {
        Self { attempts, retries: 2, pause: Duration::from_secs(2), growth: Growth::Linear }
    }

    /// The reference's rule for comparisons: pauses of 5, 10, 20 seconds.
    pub fn pairwise(attempts: u32) -> Self {
        Self { attempts, retries: 2, pause: Duration::from_secs(5), growth: Growth::Doubling }
    }

    /// The pause after the attempt with this number, counted from 1.
    fn pause_after(&self, attempt: u32) -> Duration {
        let factor = match self.growth {
            Growth::Linear => attempt,
            Growth::Doubling => 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX),
        };
        self.pause.saturating_mul(factor)
    }
}

/// Why a request brought no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The judge's text does not have the form that was asked for.
    Malformed,
    /// The reply has no text, or none in which anything can be found.
    Unreadable,
    /// The server refuses the request for a reason that will stay.
    Refused,
    /// The server refuses a parameter, which is left out from now on.
    ParameterRefused,
    /// The server is overloaded, broken or out of reach.
    Unanswered,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask again at once.
    AtOnce,
    /// Ask again after this pause.
    After(Duration),
    /// Ask again when the server may be well: how often that was done in this attempt already.
    BackingOff(u32),
    /// No usable reply.
    GiveUp,
}

/// The state of the two loops.
#[derive(Debug, Clone)]
pub struct Attempts {
    rule: RetryRule,
    attempt: u32,
    retry: u32,
}

impl Attempts {
    /// Before the first request.
    pub fn new(rule: RetryRule) -> Self {
        Self { rule, attempt: 0, retry: 0 }
    }

    /// What follows after a request without a verdict.
    pub fn next(&mut self, trouble: Trouble) -> Next {
        if trouble == Trouble::Unanswered && self.retry < self.rule.retries {
            self.retry += 1;
            return Next::BackingOff(self.retry - 1);
        }
        self.retry = 0;
        self.attempt += 1;
        if self.attempt >= self.rule.attempts {
            return Next::GiveUp;
        }
        match trouble {
            Trouble::Malformed | Trouble::ParameterRefused => Next::AtOnce,
            _ => Next::After(self.rule.pause_after(self.attempt)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_those_of_the_reference() {
        let pauses = |rule: RetryRule| (1..=4).map(|attempt| rule.pause_after(attempt).as_secs()).collect::<Vec<_>>();
        assert_eq!(pauses(RetryRule::rubric(5)), [2, 4, 6, 8]);
        assert_eq!(pauses(RetryRule::pairwise(3)), [5, 10, 20, 40]);
        assert_eq!(RetryRule::pairwise(99).pause_after(99), Duration::from_secs(5) * u32::MAX);
    }

    #[test]
    fn each_attempt_has_its_own_retries() {
        let mut attempts = Attempts::new(RetryRule::pairwise(2));
        let steps: Vec<_> = (0..6).map(|_| attempts.next(Trouble::Unanswered)).collect();
        let pause = Next::After(Duration::from_secs(5));
        let [first, second] = [Next::BackingOff(0), Next::BackingOff(1)];
        assert_eq!(steps, [first, second, pause, first, second, Next::GiveUp]);
    }

    #[test]
    fn no_rule_asks_for_ever() {
        for trouble in [Trouble::Malformed, Trouble::Unreadable, Trouble::Refused, Trouble::ParameterRefused] {
            let mut attempts = Attempts::new(RetryRule::rubric(3));
            let steps = std::iter::from_fn(|| Some(attempts.next(trouble)).filter(|next| *next != Next::GiveUp));
            assert_eq!(steps.take(10).count(), 2, "{trouble:?}");
        }
    }
}
