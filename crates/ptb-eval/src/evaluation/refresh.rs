//! When to write a growing log anew.

use std::time::{Duration, Instant};

/// A reader of a running evaluation waits this long for news at least.
const PAUSE: Duration = Duration::from_secs(15);
/// Writing takes at most one part in so many of the time.
const SHARE: u32 = 50;
/// So many samples may be lost to a power failure.
const SYNC_EVERY: usize = 64;

/// Decides when the log is written anew and when samples are made to survive a power failure.
#[derive(Debug)]
pub(crate) struct Refresh {
    last: Instant,
    pause: Duration,
    unsynced: usize,
}

impl Refresh {
    pub(crate) fn start() -> Self {
        Self { last: Instant::now(), pause: PAUSE, unsynced: 0 }
    }

    /// Whether the journal is due to be synchronised, one sample later.
    pub(crate) fn sync_is_due(&mut self) -> bool {
        self.unsynced = (self.unsynced + 1) % SYNC_EVERY;
        self.unsynced == 0
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
    fn the_journal_is_synchronised_every_so_many_samples() {
        let mut refresh = Refresh::start();
        let due = (0..200).filter(|_| refresh.sync_is_due()).count();
        assert_eq!(due, 3);
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
