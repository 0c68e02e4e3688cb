//! Families of models, and their chat templates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Models that share a chat format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Qwen3, and the embedded micro model.
    Qwen3,
    /// `SmolLM3`.
    #[serde(alias = "smollm")]
    Smollm3,
    /// Gemma 3.
    Gemma3,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 3] = [Family::Qwen3, Family::Smollm3, Family::Gemma3];

    /// The name used in definitions.
    pub fn name(self) -> &'static str {
        match self {
            Family::Qwen3 => "qwen3",
            Family::Smollm3 => "smollm3",
            Family::Gemma3 => "gemma3",
        }
    }

    /// The family of models whose `config.json` names this architecture. Gemma's text model is also trained and saved by
    /// itself, under another name than the whole.
    pub fn of_architecture(architecture: &str) -> Option<Self> {
        match architecture {
            "Qwen3ForCausalLM" => Some(Family::Qwen3),
            "SmolLM3ForCausalLM" => Some(Family::Smollm3),
            "Gemma3ForConditionalGeneration" | "Gemma3ForCausalLM" => Some(Family::Gemma3),
            _ => None,
        }
    }

    /// The chat template: Gemma's own one knows no tools, so there is another where a benchmark has some.
    pub fn template(self, needs_tools: bool) -> Template {
        match (self, needs_tools) {
            (Family::Qwen3, _) => Template::Qwen3,
            (Family::Smollm3, _) => Template::Smollm3,
            (Family::Gemma3, false) => Template::Gemma3,
            (Family::Gemma3, true) => Template::Gemma3ToolCalling,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A chat template, in Jinja as the field's servers read it. Templates are part of the program: no checkpoint chooses
/// how it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template {
    /// Qwen3, with and without tools.
    Qwen3,
    /// `SmolLM3`, with and without tools.
    Smollm3,
    /// Gemma 3, which ignores tools.
    Gemma3,
    /// Gemma 3 where tools may be called.
    Gemma3ToolCalling,
}

/// A name that no chat template has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no chat template {0:?}; known are qwen3, smollm3 (or smollm), gemma3 and gemma3_tool_calling")]
pub struct UnknownTemplate(String);

impl Template {
    /// All templates.
    pub const ALL: [Template; 4] = [Template::Qwen3, Template::Smollm3, Template::Gemma3, Template::Gemma3ToolCalling];

    /// The name, which is also that of the file.
    pub fn name(self) -> &'static str {
        match self {
            Template::Qwen3 => "qwen3",
            Template::Smollm3 => "smollm3",
            Template::Gemma3 => "gemma3",
            Template::Gemma3ToolCalling => "gemma3_tool_calling",
        }
    }

    /// The template itself.
    pub fn source(self) -> &'static str {
        match self {
            Template::Qwen3 => include_str!("../../../../definitions/templates/qwen3.jinja"),
            Template::Smollm3 => include_str!("../../../../definitions/templates/smollm3.jinja"),
            Template::Gemma3 => include_str!("../../../../definitions/templates/gemma3.jinja"),
            Template::Gemma3ToolCalling => include_str!("../../../../definitions/templates/gemma3_tool_calling.jinja"),
        }
    }

    /// The family whose conversations it renders.
    pub fn family(self) -> Family {
        match self {
            Template::Qwen3 => Family::Qwen3,
            Template::Smollm3 => Family::Smollm3,
            Template::Gemma3 | Template::Gemma3ToolCalling => Family::Gemma3,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Template {
    type Err = UnknownTemplate;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "smollm" => Ok(Template::Smollm3),
            _ => Template::ALL
                .into_iter()
                .find(|template| template.name() == name)
                .ok_or_else(|| UnknownTemplate(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for template in Template::ALL {
            assert_eq!(template.name().parse(), Ok(template));
        }
        assert_eq!("smollm".parse(), Ok(Template::Smollm3));
        assert!("llama3".parse::<Template>().unwrap_err().to_string().contains("gemma3_tool_calling"));
        for family in Family::ALL {
            assert_eq!(serde_json::to_value(family).unwrap(), family.name());
        }
        assert_eq!(serde_json::from_str::<Family>("\"smollm\"").unwrap(), Family::Smollm3);
    }

    #[test]
    fn only_gemma_has_another_template_for_tools() {
        for family in Family::ALL {
            assert_eq!(family.template(true) != family.template(false), family == Family::Gemma3);
            assert!([true, false].iter().all(|tools| family.template(*tools).family() == family));
        }
    }
}
