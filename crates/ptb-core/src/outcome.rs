//! How an agent's session ended and what it used.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How an agent's session ended. None of these is a failure of the bench.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum AgentOutcome {
    /// The agent ended by itself and said so.
    Finished,
    /// The time budget ended it.
    TimedOut {
        /// Whether processes had to be killed after the grace period.
        killed: bool,
    },
    /// The agent's program failed.
    Crashed {
        /// The exit code, or 128 plus the signal's number.
        exit_code: i32,
        /// Last lines of its output.
        last_lines: Vec<String>,
    },
    /// The memory limit ended it.
    OutOfMemory,
    /// The provider refused further calls.
    UsageLimit,
    /// The program could not be started.
    NeverStarted {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for AgentOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AgentOutcome::Finished => formatter.write_str("finished"),
            AgentOutcome::TimedOut { killed: false } => formatter.write_str("timed out"),
            AgentOutcome::TimedOut { killed: true } => formatter.write_str("timed out and had to be killed"),
            AgentOutcome::Crashed { exit_code, .. } => write!(formatter, "crashed with exit code {exit_code}"),
            AgentOutcome::OutOfMemory => formatter.write_str("ran out of memory"),
            AgentOutcome::UsageLimit => formatter.write_str("stopped by a usage limit"),
            AgentOutcome::NeverStarted { reason } => write!(formatter, "never started: {reason}"),
        }
    }
}

/// The record of an agent's session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentSession {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: AgentOutcome,
    /// When the agent's program was started.
    pub started: Timestamp,
    /// When its last process was gone.
    pub ended: Timestamp,
    /// Wall-clock seconds the agent had.
    pub seconds_used: f64,
    /// Wall-clock seconds it was given.
    pub seconds_budget: f64,
    /// What isolation was really in force.
    pub protection: serde_json::Value,
}

/// What an agent's session used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Processor seconds over all processes, where they could be counted.
    pub cpu_seconds: Option<f64>,
    /// Peak memory in bytes, where it could be read.
    pub peak_memory_bytes: Option<u64>,
    /// Tokens sent to and received from LLMs; scripted agents use none.
    pub input_tokens: u64,
    /// Tokens that LLMs produced.
    pub output_tokens: u64,
    /// Price of the calls in US dollars.
    pub dollars: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_survive_json_beside_the_times() {
        let session = AgentSession {
            outcome: AgentOutcome::TimedOut { killed: true },
            started: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            seconds_used: 1.5,
            seconds_budget: 1.0,
            protection: serde_json::Value::Null,
        };
        let json = serde_json::to_value(&session).unwrap();
        assert_eq!(json["outcome"], "timed_out");
        assert_eq!(serde_json::from_value::<AgentSession>(json).unwrap(), session);
    }
}
