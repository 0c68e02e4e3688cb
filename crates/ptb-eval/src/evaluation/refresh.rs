//! When to write a growing log anew.

use std::time::{Duration, Instant};

/// A reader of a running evaluation waits this long for news at least.
const PAUSE: Duration = Duration::from_secs(15);
/// Writing takes at most one part in so many of the time.
const SHARE: u32 = 50;
/// The samples of so much time may be lost to a power failure.
const UNSYNCED: Duration = Duration::from_secs(2);

/// Decides when the log is written anew and when samples are made to survive a power failure.
#[derive(Debug)]
pub(crate) struct Refresh {
    last: Instant,
    pause: Duration,
    synced: Instant,
}

impl Refresh {
    pub(crate) fn start() -> Self {
        Self { last: Instant::now(), pause: PAUSE, synced: Instant::now() }
    }

    /// Whether the journal is due to be synchronised; says so once.
    pub(crate) fn sync_is_due(&mut self) -> bool {
        let due = self.synced.elapsed() >= UNSYNCED;
        if due {
            self.synced = Instant::now();
        }
        due
    }

    /// Writes the log with `write` if it is due.
    pub(crate) fn log<E>(&mut self, write: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        if self.last.elapsed() < self.pause {
            return Ok(());
        }
        let start = Instant::now();
        write()?;
        self.last = Instant::now();
        self.pause = PAUSE.max(start.elapsed() * SHARE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_synchronised_every_so_often() {
        let mut refresh = Refresh::start();
        assert!(!refresh.sync_is_due());
        refresh.synced = Instant::now().checked_sub(UNSYNCED).unwrap();
        assert!(refresh.sync_is_due() && !refresh.sync_is_due());
    }

    #[test]
    fn a_log_is_not_written_for_every_sample() {
        let (mut refresh, mut written) = (Refresh::start(), 0);
        for _ in 0..1000 {
            refresh
                .log(|| {
                    written += 1;
                    Ok::<(), ()>(())
                })
                .unwrap();
        }
        assert_eq!(written, 0);
        refresh.pause = Duration::ZERO;
        refresh
            .log(|| {
                written += 1;
                Ok::<(), ()>(())
            })
            .unwrap();
        assert_eq!((written, refresh.pause), (1, PAUSE));
    }
}
