//! Data sets: their files, and which field of a row means what.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Answers of another model that a judge compares with, found by the items' ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<DataFile>,
}

impl DataDefinition {
    /// The file of a split, where the data set has it.
    pub fn file(&self, split: Split) -> Option<&DataFile> {
        match split {
            Split::Test => Some(&self.test),
            Split::Train => self.train.as_ref(),
            Split::Baseline => self.baseline.as_ref(),
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
    /// Answers of another model that a judge compares with.
    Baseline,
}

impl Split {
    /// All parts.
    pub const ALL: [Split; 3] = [Split::Test, Split::Train, Split::Baseline];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Split::Test => "test",
            Split::Train => "train",
            Split::Baseline => "baseline",
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
    /// A published file: JSON Lines, or CSV where its name says so.
    Download(Box<PinnedFile>),
    /// Generated from a seed by the embedded micro suite.
    Micro {
        /// Which set.
        set: MicroSet,
    },
}

/// A published file and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedFile {
    /// Where it is published, at a revision.
    pub source: FileSource,
    /// Path below the data folder, and below a mirror given with `--from`.
    pub path: String,
    /// Other paths at which a mirror may have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirror_paths: Vec<String>,
    /// SHA-256 of the content and its size. A file without is pinned by its first fetch: `pins.json` in the data folder
    /// keeps the hash, and from then on the file must match it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Fingerprint>,
    /// Number of rows, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
    /// What is published is this gzip file of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Fingerprint>,
    /// Other renderings of the same rows, such as with the keys in another order, which a mirror may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_rows: Vec<Fingerprint>,
}

/// Hash and size of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Where a file is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSource {
    /// At an address that names a revision.
    Url(String),
    /// In a data set of the Hugging Face hub.
    Hub(HubFile),
}

/// A file of a data set on the Hugging Face hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// The data set, such as `math-ai/aime25`.
    pub repository: String,
    /// The commit.
    pub revision: String,
    /// Path in the repository.
    pub file: String,
    /// Whether its licence has to be accepted on its page first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
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

/// Which field of a row means what. A name that begins with `/` is a JSON pointer into the row, such as `/question/0`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMapping {
    /// The item's own id; without it, items are called `BENCHMARK/SPLIT/ROW`, rows counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// An id made of a hash of a field, for data without ids of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed_id: Option<HashedId>,
    /// What is asked: a text, or a conversation where the solver takes one.
    pub question: String,
    /// The reference answer, where the data has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How the answer names the right choice.
    #[serde(default, skip_serializing_if = "AnswerKind::is_text")]
    pub answer_kind: AnswerKind,
    /// Fields with the wrong choices, in the order of the data: a choice or a list of choices each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distractors: Vec<String>,
    /// The field with the list of all choices, in place of `distractors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<String>,
    /// The tests of a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// Name of the function that is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
    /// Criteria with their points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rubric: Option<String>,
    /// Labels of a row that results are broken down by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// The target is what follows the last occurrence of this text in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_after: Option<String>,
    /// Where the rows of the baseline's answers have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineMapping>,
}

/// How an answer names the right choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerKind {
    /// It is the choice's text.
    #[default]
    Text,
    /// It is the choice's number in the list, counted from 0.
    Index,
    /// It is the choice's letter; the first of the list is `A`.
    Letter,
}

impl AnswerKind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// An id made of a hash of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashedId {
    /// What the id begins with.
    pub prefix: String,
    /// The field whose MD5 follows.
    pub field: String,
    /// So many of its hexadecimal digits.
    pub digits: u32,
}

/// Which fields of a baseline's row mean what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineMapping {
    /// The id of the item.
    pub id: String,
    /// The answer.
    pub answer: String,
}
