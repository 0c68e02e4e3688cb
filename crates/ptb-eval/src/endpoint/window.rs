//! How many requests are open at one time.

use std::time::Duration;

use tokio::time::Instant;

/// One overload is reported by every request that meets it; within this time they count as one.
const ONE_OVERLOAD: Duration = Duration::from_secs(1);

/// Grows by one for each round of answers, halves at an overload, as TCP does.
#[derive(Debug)]
pub(super) struct Window {
    size: f64,
    most: usize,
    halved: Option<Instant>,
}

impl Window {
    /// A window that is open to its maximum.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { size: most as f64, most, halved: None }
    }

    /// Requests that may be open.
    pub(super) fn size(&self) -> usize {
        (self.size as usize).clamp(1, self.most)
    }

    /// An answer came.
    pub(super) fn answered(&mut self) {
        self.size = (self.size + 1.0 / self.size).min(self.most as f64);
    }

    /// The server has too much to do. `open` requests are open.
    pub(super) fn overloaded(&mut self, open: usize, now: Instant) {
        if self.halved.is_some_and(|halved| now.duration_since(halved) < ONE_OVERLOAD) {
            return;
        }
        self.halved = Some(now);
        self.size = (self.size.min(open as f64) / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_halves_once_and_answers_grow_again() {
        let start = Instant::now();
        let mut window = Window::new(256);
        assert_eq!(window.size(), 256);
        for _ in 0..256 {
            window.overloaded(256, start);
        }
        assert_eq!(window.size(), 128);
        window.overloaded(128, start + ONE_OVERLOAD);
        assert_eq!(window.size(), 64);
        for _ in 0..65 {
            window.answered();
        }
        assert_eq!(window.size(), 65);
        for _ in 0..100_000 {
            window.answered();
        }
        assert_eq!(window.size(), 256);
    }

    #[test]
    fn there_is_always_room_for_one() {
        let mut window = Window::new(0);
        assert_eq!(window.size(), 1);
        window.overloaded(0, Instant::now());
        assert_eq!(window.size(), 1);
    }
}
