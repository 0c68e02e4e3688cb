//! Packs: named sets of prompt wordings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::BenchmarkId;

/// `definitions/packs/*.toml`: how the benchmarks' questions are worded. Scores of different packs are not comparable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Name of the pack.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// The wording for each benchmark.
    pub prompts: BTreeMap<BenchmarkId, PromptWording>,
}

/// How one benchmark's questions are worded. Placeholders are replaced as plain text; every other brace is literal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptWording {
    /// The user message; `{question}` stands for the item's question.
    pub user: String,
    /// One worked example; `{question}`, `{reasoning}` and `{answer}` stand for its parts. The examples, joined by an
    /// empty line, are the system message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewshot_example: Option<String>,
}
