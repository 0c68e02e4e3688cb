//! Lets requests through, no more at one time and no faster than the judge's server takes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Refusals within this time are about the same crowd of requests.
const ONE_CROWD: Duration = Duration::from_secs(1);

/// The gate. A server that says "too many requests" halves how many are let through at one time; as many good replies
/// as are let through at one time let one more through.
#[derive(Debug)]
pub(super) struct Gate {
    permits: Semaphore,
    state: Mutex<State>,
    most: u32,
    interval: Duration,
}

#[derive(Debug)]
struct State {
    /// Permits that exist.
    permits: u32,
    /// Permits that should.
    wanted: u32,
    good_replies: u32,
    slowed: Option<Instant>,
    next_start: Instant,
}

impl Gate {
    /// A gate for at most `most` requests at one time and so many a minute.
    pub(super) fn new(most: u32, per_minute: Option<u32>) -> Self {
        let most = most.max(1);
        let state = State { permits: most, wanted: most, good_replies: 0, slowed: None, next_start: Instant::now() };
        Self {
            permits: Semaphore::new(most as usize),
            state: Mutex::new(state),
            most,
            interval: per_minute.map_or(Duration::ZERO, |rate| Duration::from_mins(1) / rate.max(1)),
        }
    }

    /// Waits until a request may be sent. It may until the pass is dropped.
    pub(super) async fn enter(&self) -> Pass<'_> {
        // The semaphore is never closed, and without a permit there would be no limit, but still an answer.
        let permit = self.permits.acquire().await.ok();
        let pass = Pass { gate: self, permit };
        let mut start = self.take_start();
        loop {
            sleep_until(start).await;
            // In the meantime the server may have asked for a pause.
            let next = self.state().slowed.unwrap_or(start);
            if next <= Instant::now() {
                return pass;
            }
            start = next;
        }
    }

    /// The server takes no more requests for now.
    pub(super) fn slow_down(&self, pause: Duration) {
        let mut state = self.state();
        let now = Instant::now();
        if state.slowed.is_none_or(|slowed| slowed + ONE_CROWD < now) {
            state.wanted = (state.wanted / 2).max(1);
            state.good_replies = 0;
        }
        let resume = now + pause;
        state.slowed = Some(state.slowed.map_or(resume, |slowed| slowed.max(resume)));
    }

    /// The server answered.
    pub(super) fn speed_up(&self) {
        let mut state = self.state();
        state.good_replies += 1;
        if state.good_replies >= state.wanted && state.wanted < self.most {
            state.good_replies = 0;
            state.wanted += 1;
            if state.permits < state.wanted {
                state.permits += 1;
                self.permits.add_permits(1);
            }
        }
    }

    fn take_start(&self) -> Instant {
        let mut state = self.state();
        let start = state.next_start.max(Instant::now());
        state.next_start = start + self.interval;
        start
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have one request under way.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if state.permits > state.wanted
            && let Some(permit) = self.permit.take()
        {
            state.permits -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn crowd(gate: &Gate, requests: u32) -> u32 {
        let (open, most) = (AtomicU32::new(0), AtomicU32::new(0));
        let request = async || {
            let _pass = gate.enter().await;
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            open.fetch_sub(1, Ordering::SeqCst);
        };
        futures_util::future::join_all((0..requests).map(|_| request())).await;
        most.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_agreed_are_under_way() {
        let gate = Gate::new(4, None);
        assert_eq!(crowd(&gate, 20).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_a_minute_are_counted() {
        let (gate, start) = (Gate::new(100, Some(60)), Instant::now());
        crowd(&gate, 11).await;
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(11), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_the_crowd_and_holds_everybody_back() {
        let (gate, start) = (Gate::new(8, None), Instant::now());
        gate.slow_down(Duration::from_secs(30));
        gate.slow_down(Duration::from_secs(2));
        crowd(&gate, 8).await;
        assert!(start.elapsed() >= Duration::from_secs(30));
        assert_eq!(crowd(&gate, 20).await, 4, "two refusals at one time halve once");
        (0..4).for_each(|_| gate.speed_up());
        assert_eq!(crowd(&gate, 20).await, 5);
        (0..1000).for_each(|_| gate.speed_up());
        assert_eq!(crowd(&gate, 30).await, 8, "never more than agreed");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_permit_stays() {
        let gate = Gate::new(2, None);
        for _ in 0..5 {
            gate.slow_down(Duration::ZERO);
            tokio::time::advance(Duration::from_secs(2)).await;
            assert!(crowd(&gate, 3).await <= 2);
        }
        assert_eq!(crowd(&gate, 3).await, 1);
    }
}
