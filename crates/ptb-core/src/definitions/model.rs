//! Base models.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::BaseModelId;

/// `definitions/models/*.toml`: a pre-trained LLM that agents start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseModelDefinition {
    /// The model.
    pub id: BaseModelId,
    /// Name for people.
    pub title: String,
    /// Decides the chat template.
    pub family: Family,
    /// The class that `config.json` must name.
    pub architecture: String,
    /// Where the weights come from.
    pub source: BaseModelSource,
}

/// Where a base model's checkpoint comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BaseModelSource {
    /// Part of the binary.
    Embedded,
}

/// Models that share a chat template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Qwen3, and the embedded micro model.
    Qwen3,
}

impl Family {
    /// The name used in definitions and for the template's file.
    pub fn name(self) -> &'static str {
        match self {
            Family::Qwen3 => "qwen3",
        }
    }

    /// The family's chat template, in Jinja. It is part of the program: no checkpoint chooses how it is asked.
    pub fn chat_template(self) -> &'static str {
        match self {
            Family::Qwen3 => include_str!("../../../../definitions/templates/qwen3.jinja"),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
