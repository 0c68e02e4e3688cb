//! How programs are run.

use std::path::PathBuf;
use std::time::Duration;

/// How programs are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeConfig {
    /// The interpreter; by default `python3` as found on `PATH`.
    pub python: Option<PathBuf>,
    /// Answers that are checked at a time.
    pub workers: usize,
    /// Time for a program and all calls of its function together.
    pub time_limit: Duration,
    /// Memory in bytes for each of the two processes of an answer, with what they start and write.
    pub memory_bytes: u64,
    /// Processes and threads of an answer at a time.
    pub processes: u32,
    /// Programs must be valid in Python 3.`minor`, so that a newer interpreter gives the same scores; 0 is any.
    pub minor: u8,
    /// Whether to go on where the kernel allows no sandbox. Then programs run with the rights of this process, can read the
    /// tests from its memory, and harm the machine.
    pub allow_unprotected: bool,
}

impl CodeConfig {
    /// The limits of a definition; everything else by default.
    pub fn with_limits(seconds: u32, memory_mib: u32) -> Self {
        let (time_limit, memory_bytes) = (Duration::from_secs(seconds.into()), u64::from(memory_mib) << 20);
        Self { time_limit, memory_bytes, ..Self::default() }
    }
}

impl Default for CodeConfig {
    /// The reference's time limit and language version, and a worker for each core.
    fn default() -> Self {
        Self {
            python: None,
            workers: std::thread::available_parallelism().map_or(1, Into::into),
            time_limit: Duration::from_secs(30),
            memory_bytes: 2 << 30,
            processes: 64,
            minor: 10,
            allow_unprotected: false,
        }
    }
}
