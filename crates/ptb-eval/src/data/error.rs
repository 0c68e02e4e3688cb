//! What can be wrong with data.

use std::path::PathBuf;

use ptb_core::definitions::Split;
use ptb_core::files::FileError;
use ptb_core::ids::BenchmarkId;
use thiserror::Error;

use super::download::DownloadProblem;

/// Data that cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file was never fetched.
    #[error(
        "the {split} data of {benchmark} is not at {}: fetch it with `ptb data fetch {benchmark}`, without a network with \
         `ptb data fetch {benchmark} --from DIR`", path.display()
    )]
    Absent {
        /// Whose data.
        benchmark: BenchmarkId,
        /// Which part.
        split: Split,
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is not the pinned one.
    #[error("{} is not the pinned data: {mismatch}. {advice}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// In what it differs.
        mismatch: Mismatch,
        /// What to do.
        advice: String,
    },
    /// The benchmark has no such part.
    #[error("{benchmark} has no {split} data")]
    NoSplit {
        /// Whose data.
        benchmark: BenchmarkId,
        /// Which part.
        split: Split,
    },
    /// Training items of a generated set have no fixed number.
    #[error(
        "the train items of {benchmark} are generated: say how many with `ptb data export {benchmark} --split train --count N`"
    )]
    Unbounded {
        /// Whose data.
        benchmark: BenchmarkId,
    },
    /// A row cannot be read.
    #[error("{}:{line}: {problem}", path.display())]
    Row {
        /// The file, or the name of the generated set.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: RowProblem,
    },
    /// There are not as many rows as the definition says.
    #[error("{} has {found} rows, its definition says {expected}: correct the definition's `rows`", path.display())]
    RowCount {
        /// The file.
        path: PathBuf,
        /// Rows of the definition.
        expected: usize,
        /// Rows of the file.
        found: usize,
    },
    /// A worked example is not in the file.
    #[error("example row {row} of {benchmark} is not in {}, which has {rows} rows: correct the definition's `fewshot`", path.display())]
    NoExample {
        /// The benchmark.
        benchmark: BenchmarkId,
        /// The file.
        path: PathBuf,
        /// Row, from 0.
        row: u32,
        /// Rows there are.
        rows: u32,
    },
    /// The file has no rows.
    #[error("{} has no rows: get the file anew, or correct the definition", .0.display())]
    NoRows(PathBuf),
    /// The mirror does not have the file.
    #[error(
        "the mirror does not have the file: looked for {}",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NotInMirror(Vec<PathBuf>),
    /// There is no answer to compare an item's with.
    #[error("{} has no answer for the item {id:?}: get both files anew", path.display())]
    NoBaseline {
        /// The file of answers.
        path: PathBuf,
        /// The item.
        id: String,
    },
    /// The definition does not say where the baseline's answers stand in a row.
    #[error("the definition of {0} has baseline data, but no `fields.baseline`: add its `id` and `answer`")]
    NoBaselineFields(BenchmarkId),
    /// Several files failed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<DataError>),
    /// The hub's list of files cannot be read.
    #[error("the list of files at {url} cannot be read: {reason}")]
    Listing {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The path in the definition would leave the data folder.
    #[error("the data path {0:?} of a definition leaves the data folder: use a relative path without '..'")]
    PathEscapes(String),
    /// The download failed.
    #[error("cannot download {url}: {problem}")]
    Download {
        /// The address.
        url: String,
        /// What went wrong.
        #[source]
        problem: DownloadProblem,
    },
}

/// In what a file differs from the pinned one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// Another size.
    #[error("it has {found} bytes instead of {expected}")]
    Size {
        /// Pinned size.
        expected: u64,
        /// Size found.
        found: u64,
    },
    /// Nothing says what it should be.
    #[error("no hash of it is known, because it was not fetched")]
    Unpinned,
    /// Another content.
    #[error("its {kind} is {found} instead of {expected}")]
    Hash {
        /// Kind of hash.
        kind: &'static str,
        /// Pinned hash.
        expected: String,
        /// Hash found.
        found: String,
    },
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowProblem {
    /// The text is not UTF-8.
    #[error("not valid UTF-8")]
    Encoding,
    /// The CSV cannot be read.
    #[error("not a CSV record: {0}")]
    Csv(String),
    /// A CSV record has more or fewer values than the header.
    #[error("it has {found} values, the header has {expected}")]
    Columns {
        /// Columns of the header.
        expected: u64,
        /// Values of the record.
        found: u64,
    },
    /// Two columns have one name.
    #[error("two columns are called {0:?}")]
    RepeatedColumn(String),
    /// The line is no JSON object.
    #[error("not a JSON object: {0}")]
    Json(String),
    /// A field is not there.
    #[error("the field {0:?} is missing")]
    Missing(String),
    /// A field is neither text nor a number.
    #[error("the field {0:?} is neither text nor a number")]
    NotText(String),
    /// A field is empty.
    #[error("the field {0:?} is empty")]
    Empty(String),
    /// The answer does not have the mark in front of the target.
    #[error("the answer has no {0:?} in front of the target")]
    NoTarget(String),
    /// A field holds no conversation.
    #[error(
        "the field {0:?} is neither a text nor a list of turns with `role` (system, user, assistant) and `content`"
    )]
    NoConversation(String),
    /// A field holds no rubric.
    #[error("the field {0:?} is no list of criteria with `criterion` and `points`: {1}")]
    Rubric(String, String),
    /// A field holds no function call.
    #[error("{0}")]
    Call(String),
    /// Too few or too many choices.
    #[error("it has {found} choices, from 2 to {most} can be shown")]
    Choices {
        /// Choices found.
        found: usize,
        /// Most choices.
        most: usize,
    },
    /// The answer names none of the choices.
    #[error("the answer {0:?} names none of the choices")]
    NoSuchChoice(String),
    /// The definition does not say where an item's part stands.
    #[error("the definition's `fields` do not say where the `{0}` of a row stand: add it")]
    Unmapped(&'static str),
    /// Two rows have one id.
    #[error("the id {id:?} is that of line {first} too")]
    DuplicateId {
        /// The id.
        id: String,
        /// Line of its first occurrence, from 1.
        first: usize,
    },
}
