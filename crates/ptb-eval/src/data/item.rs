//! What a benchmark asks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::engine::ToolDefinition;
use crate::prompt::ChatMessage;

/// One question of a benchmark with its reference answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Unique within the data set, such as `HumanEval/0`.
    pub id: String,
    /// What is asked; of a conversation, its turns as text.
    pub question: String,
    /// The reference answer as the data set has it, a rationale included; may be empty.
    pub answer: String,
    /// What an answer is compared with; may be empty.
    pub target: String,
    /// The conversation that the model continues, where the item is more than a question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversation: Vec<ChatMessage>,
    /// Functions that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Labels that results are broken down by, such as `theme:hedging`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What else a scorer needs.
    #[serde(default, skip_serializing_if = "Reference::is_text")]
    pub reference: Reference,
}

/// What a scorer needs besides the target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum Reference {
    /// Nothing.
    #[default]
    Text,
    /// The choices in the order shown; the target is the letter of the right one.
    Choices(Vec<String>),
    /// The call that is expected.
    Call(ExpectedCall),
    /// The tests that a program must pass.
    Tests(ProgramTests),
    /// What a good answer has, and what a bad one has.
    Rubric(Vec<Criterion>),
    /// Another model's answer, to compare with.
    Baseline(String),
}

impl Reference {
    /// The choices in the order shown.
    pub fn choices(&self) -> Option<&[String]> {
        match self {
            Self::Choices(choices) => Some(choices),
            _ => None,
        }
    }

    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// A function call that is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectedCall {
    /// The function.
    pub function: String,
    /// Its arguments by name.
    pub arguments: Map<String, Value>,
}

/// The tests of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramTests {
    /// The beginning of the program that the model continues: signature and docstring.
    pub prompt: String,
    /// Python source that defines `check(candidate)`.
    pub tests: String,
    /// The function that `check` is given.
    pub entry_point: String,
}

/// One criterion of a rubric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// What the judge looks for.
    pub criterion: String,
    /// Points where it is met; below zero for what a good answer does not have.
    pub points: f64,
    /// Labels, such as `axis:accuracy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// SHA-256 of items in their order, in lower-case hexadecimal: the JSON of each is preceded by its length, so that no two
/// lists of items share their bytes.
pub fn hash_items(items: &[Item]) -> String {
    let mut hasher = Sha256::new();
    for item in items {
        let text = serde_json::to_string(item).unwrap_or_default();
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, question: &str) -> Item {
        Item { id: id.to_owned(), question: question.to_owned(), ..Item::default() }
    }

    #[test]
    fn order_and_borders_of_the_parts_count() {
        let [a, b] = [item("1", "2"), item("3", "4")];
        assert_ne!(hash_items(&[a.clone(), b.clone()]), hash_items(&[b, a]));
        assert_ne!(hash_items(&[item("ab", "c")]), hash_items(&[item("a", "bc")]));
    }
}
