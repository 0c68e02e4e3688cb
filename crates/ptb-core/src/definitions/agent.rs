//! Agents.

use serde::{Deserialize, Serialize};

use crate::ids::AgentId;

/// `definitions/agents/*.toml`: who works on a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentDefinition {
    /// The agent.
    pub id: AgentId,
    /// Name for people.
    pub title: String,
    /// What it does, in a sentence or two.
    pub description: String,
    /// How it is run and read.
    pub scaffold: Scaffold,
    /// What a scripted agent does, in order.
    #[serde(default)]
    pub steps: Vec<ScriptStep>,
}

/// How an agent is run and its trace is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaffold {
    /// A fixed list of shell steps.
    Scripted,
}

impl Scaffold {
    /// The name used in definitions.
    pub fn name(self) -> &'static str {
        match self {
            Scaffold::Scripted => "scripted",
        }
    }
}

/// One step of a scripted agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptStep {
    /// What the agent says before it acts.
    pub say: String,
    /// The shell command, run by `bash` in the workspace.
    pub run: String,
    /// Whether the agent goes on when the command fails.
    #[serde(default)]
    pub may_fail: bool,
}
