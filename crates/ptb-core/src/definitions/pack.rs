//! Packs: named sets of prompt wordings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `definitions/packs/*.toml`: how the benchmarks' questions are worded. Scores of different packs are not comparable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Name of the pack.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// The wordings by name; benchmarks use the one called like them unless their definition names another.
    pub prompts: BTreeMap<String, PromptWording>,
}

/// How one benchmark's questions are worded. Placeholders are replaced as plain text; every other brace is literal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptWording {
    /// The user message; `{question}` stands for the item's question, `{choices}` and `{letters}` for its choices.
    /// Benchmarks whose items are whole conversations have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// One worked example; `{question}`, `{reasoning}` and `{answer}` stand for its parts. The examples, joined by an
    /// empty line, are the system message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewshot_example: Option<String>,
    /// One line of `{choices}`: `{letter}` and `{choice}` stand for its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice_line: Option<String>,
    /// In which order choices are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice_order: Option<ChoiceOrder>,
    /// What becomes of choices that a CSV reader may take for missing.
    #[serde(default, skip_serializing_if = "MissingValues::is_text")]
    pub missing_values: MissingValues,
    /// What the judge is told, where one grades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeWording>,
}

/// What becomes of choices such as `N/A`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingValues {
    /// They are text like any other.
    #[default]
    Text,
    /// They become `None`, as when pandas reads the file: a defect of the reference.
    Python,
}

impl MissingValues {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// In which order choices are shown; in the data the right one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChoiceOrder {
    /// Inspect's `shuffle_choices(seed)`: one Python generator for the whole data set.
    PythonShuffle(u64),
    /// Sorted by a hash of seed, item and choice, so that an item's order does not depend on the others.
    Hashed(u64),
}

/// What a judge is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeWording {
    /// The system message, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The user message. Rubric: `{conversation}` and `{criterion}`; pairwise: `{question}`, `{answer_a}`, `{answer_b}`.
    pub user: String,
    /// One turn of `{conversation}`: `{role}` and `{content}`. Turns are joined by an empty line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
    /// The `{criterion}`: `{points}` and `{criterion}` stand for its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criterion: Option<String>,
    /// Replace the placeholders one after the other over the whole text, also inside what was put in before, as the
    /// reference does. By default what is put in is never searched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sequential: bool,
}
