//! How a sandbox ended.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The end of a sandbox: no process of it exists any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Why it ended.
    pub reason: ExitReason,
    /// Time from the program's start to the end of the last process.
    pub wall: Duration,
    /// What its processes used together.
    pub usage: ResourceUsage,
    /// What could not be cleaned up on the host, in sentences.
    pub leftovers: Vec<String>,
}

/// Why a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum ExitReason {
    /// The program ended by itself, with this exit code.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended the program, sent by itself, by another process inside, or by somebody on the host.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// At the deadline everything was asked to end, and did so within the grace period.
    DeadlineTerm,
    /// At the deadline everything was asked to end; what did not was killed after the grace period.
    DeadlineKilled,
    /// The memory limit ended the program.
    OutOfMemory,
    /// The caller ended it.
    Cancelled {
        /// Whether something had to be killed.
        killed: bool,
    },
    /// The sandbox's own first process was killed from outside, so nobody knows what the program would have said.
    Lost,
}

impl fmt::Display for ExitReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Exited { code } => write!(formatter, "ended with exit code {code}"),
            ExitReason::Signaled { signal } => write!(formatter, "was ended by signal {signal}"),
            ExitReason::DeadlineTerm => formatter.write_str("ended on request at the deadline"),
            ExitReason::DeadlineKilled => formatter.write_str("was killed after the deadline and the grace period"),
            ExitReason::OutOfMemory => formatter.write_str("was killed at the memory limit"),
            ExitReason::Cancelled { killed: false } => formatter.write_str("ended on request"),
            ExitReason::Cancelled { killed: true } => formatter.write_str("was killed on request"),
            ExitReason::Lost => formatter.write_str("was lost: somebody killed the sandbox from outside"),
        }
    }
}

/// What all processes of a sandbox used together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// Processor time.
    pub cpu: Duration,
    /// The most memory at a time in bytes, where it could be watched.
    pub peak_memory_bytes: Option<u64>,
    /// Processes that the kernel killed because of the memory limit, whether or not the program went on.
    pub memory_kills: u64,
}

/// Why the supervisor ended a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Deadline,
    Cancel,
    Memory,
}

/// What the supervisor knows about a sandbox's end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Course {
    /// Wait status of the program, if it ended before it was asked to.
    pub(crate) program: Option<i32>,
    /// Why it was asked to end.
    pub(crate) request: Option<Request>,
    /// Whether something had to be killed.
    pub(crate) forced: bool,
}

impl Course {
    /// The reason, given how many processes the memory limit killed.
    pub(crate) fn reason(self, memory_kills: u64) -> ExitReason {
        match (self.request, self.program) {
            (Some(Request::Deadline), _) if self.forced => ExitReason::DeadlineKilled,
            (Some(Request::Deadline), _) => ExitReason::DeadlineTerm,
            (Some(Request::Cancel), _) => ExitReason::Cancelled { killed: self.forced },
            (Some(Request::Memory), _) => ExitReason::OutOfMemory,
            (None, Some(status)) if libc::WIFEXITED(status) => ExitReason::Exited { code: libc::WEXITSTATUS(status) },
            (None, Some(status)) => match libc::WTERMSIG(status) {
                libc::SIGKILL if memory_kills > 0 => ExitReason::OutOfMemory,
                signal => ExitReason::Signaled { signal },
            },
            (None, None) => ExitReason::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXITED_WITH_3: i32 = 3 << 8;
    const KILLED: i32 = libc::SIGKILL;

    #[test]
    fn an_end_by_itself_is_told_from_every_other() {
        let course = |program| Course { program, ..Course::default() };
        assert_eq!(course(Some(EXITED_WITH_3)).reason(0), ExitReason::Exited { code: 3 });
        assert_eq!(course(Some(EXITED_WITH_3)).reason(1), ExitReason::Exited { code: 3 });
        assert_eq!(course(Some(KILLED)).reason(0), ExitReason::Signaled { signal: 9 });
        assert_eq!(course(Some(KILLED)).reason(1), ExitReason::OutOfMemory);
        assert_eq!(course(None).reason(0), ExitReason::Lost);
    }

    #[test]
    fn a_request_is_the_reason_whatever_the_program_says_about_it() {
        let course = |request, forced| Course { program: Some(EXITED_WITH_3), request: Some(request), forced };
        assert_eq!(course(Request::Deadline, false).reason(0), ExitReason::DeadlineTerm);
        assert_eq!(course(Request::Deadline, true).reason(0), ExitReason::DeadlineKilled);
        assert_eq!(course(Request::Cancel, false).reason(0), ExitReason::Cancelled { killed: false });
        assert_eq!(course(Request::Memory, true).reason(0), ExitReason::OutOfMemory);
    }
}
