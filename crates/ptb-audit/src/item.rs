//! What the audit looks for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::overlap::Field;

/// One test item of the run's benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestItem {
    /// Its id, such as `gsm8k/test/17`.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// The reference answer with its reasoning.
    pub answer: String,
    /// What a right reply must contain.
    pub target: String,
}

impl TestItem {
    pub(crate) fn text(&self, field: Field) -> &str {
        match field {
            Field::Question => &self.question,
            Field::Answer => &self.answer,
        }
    }
}

/// A known model that a submission could have been copied from, such as the base model's official instruct sibling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// Its name for people.
    pub name: String,
    /// Its checkpoint folder.
    pub folder: PathBuf,
}
