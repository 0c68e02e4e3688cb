//! What may pass, and when it is no longer expected to.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// Why a request is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// The server has too much to do.
    Overload,
    /// The server failed at this request.
    Server,
    /// There is no server at the address.
    Unreachable,
    /// The connection broke.
    Connection,
    /// No reply within the time that is allowed.
    Slow,
    /// The reply makes no sense.
    Malformed,
}

/// A request without an answer that is worth another attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: TroubleKind,
    pub(super) message: String,
    /// The pause that the server asks for.
    pub(super) asked: Option<Duration>,
}

/// How long trouble is taken for passing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Attempts of one request when the server fails or the connection breaks.
    pub attempts: u32,
    /// Attempts when the server has too much to do: the pauses are long, and the others' answers go on.
    pub overload_attempts: u32,
    /// Attempts when the reply makes no sense, or none comes in time.
    pub few_attempts: u32,
    /// So long may nobody be at the address.
    pub unreachable: Duration,
    /// So long may several requests in a row meet nothing but failures.
    pub failing: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 8,
            overload_attempts: 60,
            few_attempts: 3,
            unreachable: Duration::from_secs(20),
            failing: Duration::from_secs(30),
        }
    }
}

impl Patience {
    pub(super) fn attempts(&self, kind: TroubleKind) -> u32 {
        match kind {
            TroubleKind::Overload => self.overload_attempts,
            TroubleKind::Server | TroubleKind::Unreachable | TroubleKind::Connection => self.attempts,
            TroubleKind::Slow | TroubleKind::Malformed => self.few_attempts,
        }
    }
}

/// One request that always fails is that sample's trouble; so many say something about a server that never gave an answer,
const SEVERAL: usize = 3;
/// and so many about one that gave answers before.
const MANY: usize = 16;

/// Trouble without a good reply in between.
#[derive(Debug, Default)]
pub(super) struct Streak {
    unreachable: Option<Instant>,
    failing: Option<Instant>,
    requests: BTreeSet<usize>,
    /// Whether the server ever gave a good reply.
    worked: bool,
}

impl Streak {
    /// The server gave a good reply.
    pub(super) fn end(&mut self) {
        *self = Self { worked: true, ..Self::default() };
    }

    /// A request met trouble.
    pub(super) fn add(&mut self, request: usize, kind: TroubleKind, now: Instant) {
        match kind {
            TroubleKind::Unreachable => _ = self.unreachable.get_or_insert(now),
            TroubleKind::Overload | TroubleKind::Malformed => {
                *self = Self { worked: self.worked, ..Self::default() };
                return;
            }
            TroubleKind::Server | TroubleKind::Connection | TroubleKind::Slow => self.unreachable = None,
        }
        self.failing.get_or_insert(now);
        self.requests.insert(request);
    }

    /// Whether the server is in trouble, and not single requests.
    pub(super) fn is_about_server(&self) -> bool {
        let enough = if self.worked { MANY } else { SEVERAL };
        self.unreachable.is_some() || self.requests.len() >= enough
    }

    /// Whether the server is gone, or as good as gone.
    pub(super) fn is_hopeless(&self, patience: &Patience, now: Instant) -> bool {
        let lasts = |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
        lasts(self.unreachable, patience.unreachable)
            || (self.is_about_server() && lasts(self.failing, patience.failing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a streak of troubles, one a second, is hopeless.
    fn hopeless(kinds: impl IntoIterator<Item = (usize, TroubleKind)>) -> bool {
        hopeless_after(Streak::default(), kinds)
    }

    fn hopeless_after(mut streak: Streak, kinds: impl IntoIterator<Item = (usize, TroubleKind)>) -> bool {
        let mut now = Instant::now();
        for (request, kind) in kinds {
            now += Duration::from_secs(1);
            streak.add(request, kind, now);
        }
        streak.is_hopeless(&Patience::default(), now)
    }

    #[test]
    fn a_server_that_nobody_reaches_is_gone_after_a_while() {
        assert!(!hopeless([(0, TroubleKind::Unreachable); 20]));
        assert!(hopeless([(0, TroubleKind::Unreachable); 21]));
    }

    #[test]
    fn one_request_that_always_fails_says_nothing_about_the_server() {
        assert!(!hopeless([(0, TroubleKind::Server); 100]));
        assert!(!hopeless((0..30).map(|request| (request, TroubleKind::Server))));
        assert!(hopeless((0..31).map(|request| (request, TroubleKind::Server))));
        assert!(hopeless((0..31).map(|request| (request, TroubleKind::Connection))));
    }

    #[test]
    fn a_server_that_worked_is_trusted_longer() {
        let after_an_answer = |requests: usize| {
            let mut streak = Streak::default();
            streak.end();
            hopeless_after(streak, (0..200).map(|number| (number % requests, TroubleKind::Server)))
        };
        assert!(!after_an_answer(MANY - 1));
        assert!(after_an_answer(MANY));
    }

    #[test]
    fn an_overloaded_server_is_alive() {
        let kinds = (0..100).map(|number| match number % 20 {
            0 => (number, TroubleKind::Overload),
            _ => (number, TroubleKind::Server),
        });
        assert!(!hopeless(kinds));
    }
}
