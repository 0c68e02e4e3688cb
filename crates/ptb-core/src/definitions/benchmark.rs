//! Benchmarks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::BenchmarkId;

/// `definitions/benchmarks/*.toml`: data, solver, scorer and metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchmarkDefinition {
    /// The benchmark.
    pub id: BenchmarkId,
    /// Name for people.
    pub title: String,
    /// What it asks, in a sentence.
    pub description: String,
    /// Where the items come from.
    pub data: DataDefinition,
    /// Which fields of a row mean what.
    pub fields: FieldMapping,
    /// Worked examples in front of each question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewshot: Option<FewShot>,
    /// How an answer becomes a score.
    pub scorer: ScorerDefinition,
    /// How scores become one number.
    pub metric: MetricName,
    /// Token limits of an answer: the default, and what is tried when the evaluation fails.
    pub max_tokens: Vec<u32>,
    /// Whether grading calls a paid LLM.
    #[serde(default)]
    pub grading_costs_money: bool,
}

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataDefinition {
    /// Licence of the data.
    pub licence: String,
    /// The items that are scored.
    pub test: DataFile,
    /// Items that may be trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<DataFile>,
}

impl DataDefinition {
    /// The file of a split, where the data set has it.
    pub fn file(&self, split: Split) -> Option<&DataFile> {
        match split {
            Split::Test => Some(&self.test),
            Split::Train => self.train.as_ref(),
        }
    }
}

/// Part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Items that are scored and must not be trained on.
    Test,
    /// Items that may be trained on.
    Train,
}

impl Split {
    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Split::Test => "test",
            Split::Train => "train",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DataFile {
    /// JSON Lines at a pinned address.
    Download {
        /// Address that names a revision.
        url: String,
        /// Path below the data folder, and below a mirror given with `--from`.
        path: String,
        /// SHA-256 of the content, lower-case hexadecimal.
        sha256: String,
        /// Size in bytes.
        bytes: u64,
        /// Number of rows.
        rows: u32,
    },
    /// Generated from a seed by the embedded micro suite.
    Micro {
        /// Which set.
        set: MicroSet,
    },
}

/// The generated data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MicroSet {
    /// Word problems of one and two steps.
    Math,
    /// Following a stated output format.
    Format,
}

/// Which field of a row means what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMapping {
    /// The item's own id; without it, items are called `BENCHMARK/SPLIT/ROW`, rows counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is asked.
    pub question: String,
    /// The reference answer.
    pub answer: String,
    /// The target is what follows the last occurrence of this text in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_after: Option<String>,
}

/// Worked examples from the train split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewShot {
    /// Rows of the train split, counted from 0, in the order shown.
    pub rows: Vec<u32>,
}

/// How an answer becomes a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScorerDefinition {
    /// The number after the last `ANSWER:` equals the target exactly.
    Numeric,
    /// The whole answer, without surrounding white space, equals the target.
    ExactText,
}

/// How scores become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// Share of right answers.
    Accuracy,
}

impl MetricName {
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            MetricName::Accuracy => "accuracy",
        }
    }
}
