//! The stages of a run.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One step of a run's life, from the run folder to the run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Lays out what the agent will get.
    Prepare,
    /// Lets the agent work.
    Agent,
    /// Copies the submission out of the hostile workspace and archives the rest.
    Collect,
    /// Looks for cheating.
    Audit,
    /// Scores the submission on the full benchmark.
    Evaluate,
    /// Decides the number that counts.
    Score,
}

impl Stage {
    /// All stages in the order in which a run walks them.
    pub const ALL: [Stage; 6] =
        [Stage::Prepare, Stage::Agent, Stage::Collect, Stage::Audit, Stage::Evaluate, Stage::Score];

    /// The stage's name, as used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Prepare => "prepare",
            Stage::Agent => "agent",
            Stage::Collect => "collect",
            Stage::Audit => "audit",
            Stage::Evaluate => "evaluate",
            Stage::Score => "score",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(name: &str) -> Result<Self, UnknownStage> {
        Stage::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(|| UnknownStage(name.to_owned()))
    }
}

/// A name that no stage has.
#[derive(Debug, Error)]
#[error("there is no stage {0:?}: the stages are prepare, agent, collect, audit, evaluate and score")]
pub struct UnknownStage(String);

/// What a stage leaves when it is done; its presence means that the stage has a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Which stage.
    pub stage: Stage,
    /// When it began.
    pub started: Timestamp,
    /// When it was done.
    pub ended: Timestamp,
    /// How many times it was begun, the successful time included.
    pub attempts: u32,
    /// Version of `ptb` that ran it.
    pub ptb_version: String,
    /// One sentence for people.
    pub summary: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_json() {
        for stage in Stage::ALL {
            assert_eq!(stage.name().parse::<Stage>().unwrap(), stage);
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
        }
        assert!("deploy".parse::<Stage>().unwrap_err().to_string().contains("prepare, agent"));
    }
}
