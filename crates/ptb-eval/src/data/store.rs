//! The data folder.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use ptb_core::definitions::{BenchmarkDefinition, DataFile, PinnedFile, SampleOrder, Split};
use ptb_core::files::{self, FileError};
use ptb_core::ids::BenchmarkId;
use serde::Serialize;

use super::baseline;
use super::error::{DataError, Mismatch};
use super::item::Item;
use super::known::{FileState, KnownFile};
use super::micro::micro_items;
use super::pins::{FirstFetch, Pins};
use super::rows::RowReader;
use crate::python_random::python_shuffle;

/// The default data folder: `PTB_DATA`, else `ptb/data` in the user's cache folder. None where the environment names
/// neither; `variable` looks an environment variable up.
pub fn default_root(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    set("PTB_DATA").or_else(|| cache().map(|cache| cache.join("ptb").join("data")))
}

/// The files of all data sets, below one folder.
#[derive(Debug, Clone)]
pub struct DataStore {
    root: PathBuf,
}

/// One file of a data set and its state on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataStatus {
    /// Whose data.
    pub benchmark: BenchmarkId,
    /// Which part.
    pub split: Split,
    /// The file; none for a generated set.
    pub path: Option<PathBuf>,
    /// Its pinned size in bytes; 0 where nothing is pinned.
    pub bytes: u64,
    /// Whether it can be used.
    #[serde(flatten)]
    pub state: FileState,
    /// What pinned it, where its definition does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fetch: Option<FirstFetch>,
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy)]
enum Look {
    Size,
    Content,
}

impl DataStore {
    /// The data folder at `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was pinned on first fetch.
    pub(crate) fn pins(&self) -> Pins {
        Pins::of(&self.root)
    }

    /// All items of a part of a benchmark's data, checked against what is pinned, in the order that the definition says.
    ///
    /// Training items of a generated set have no fixed number: see [`micro_items`].
    pub fn items(&self, benchmark: &BenchmarkDefinition, split: Split) -> Result<Vec<Item>, DataError> {
        let no_split = || DataError::NoSplit { benchmark: benchmark.id.clone(), split };
        let mut items = match benchmark.data.file(split).ok_or_else(no_split)? {
            DataFile::Download(file) => self.pinned_items(benchmark, split, file)?,
            DataFile::Micro { set } if split == Split::Test => micro_items(benchmark, *set, split, usize::MAX, 0)?,
            DataFile::Micro { .. } => return Err(DataError::Unbounded { benchmark: benchmark.id.clone() }),
        };
        if split == Split::Test {
            if let Some(file) = benchmark.data.file(Split::Baseline) {
                self.join_baseline(benchmark, file, &mut items)?;
            }
            if let SampleOrder::PythonShuffle(seed) = benchmark.order {
                python_shuffle(seed, &mut items);
            }
        }
        Ok(items)
    }

    /// The worked examples that the benchmark shows, in that order.
    pub fn examples(&self, benchmark: &BenchmarkDefinition) -> Result<Vec<Item>, DataError> {
        let Some(fewshot) = &benchmark.fewshot else { return Ok(Vec::new()) };
        let split = Split::Train;
        let Some(DataFile::Download(file)) = benchmark.data.file(split) else {
            return Err(DataError::NoSplit { benchmark: benchmark.id.clone(), split });
        };
        let (path, content) = self.content(benchmark, split, file)?;
        let (mut found, mut rows) = (HashMap::new(), 0);
        RowReader { benchmark, split, path: &path }.for_each(&content, &mut |item| {
            if fewshot.rows.contains(&rows) {
                found.insert(rows, item);
            }
            rows += 1;
        })?;
        let missing =
            |row: u32| DataError::NoExample { benchmark: benchmark.id.clone(), path: path.clone(), row, rows };
        fewshot.rows.iter().map(|row| found.get(row).cloned().ok_or_else(|| missing(*row))).collect()
    }

    fn join_baseline(
        &self,
        benchmark: &BenchmarkDefinition,
        file: &DataFile,
        items: &mut [Item],
    ) -> Result<(), DataError> {
        let DataFile::Download(file) = file else {
            return Err(DataError::NoSplit { benchmark: benchmark.id.clone(), split: Split::Baseline });
        };
        let (path, content) = self.content(benchmark, Split::Baseline, file)?;
        baseline::join(benchmark, &path, &content, items)
    }

    fn pinned_items(
        &self,
        benchmark: &BenchmarkDefinition,
        split: Split,
        file: &PinnedFile,
    ) -> Result<Vec<Item>, DataError> {
        let (path, content) = self.content(benchmark, split, file)?;
        let items = RowReader { benchmark, split, path: &path }.read(&content)?;
        match (items.len(), file.rows.map(|rows| rows as usize)) {
            (found, Some(expected)) if found != expected => Err(DataError::RowCount { path, expected, found }),
            (0, _) => Err(DataError::NoRows(path)),
            _ => Ok(items),
        }
    }

    /// The content of a file, which is the pinned one.
    fn content(
        &self,
        benchmark: &BenchmarkDefinition,
        split: Split,
        file: &PinnedFile,
    ) -> Result<(PathBuf, Vec<u8>), DataError> {
        let path = self.path_of(file)?;
        let known = KnownFile::of(file, &self.pins())?;
        let content = match files::read_bounded(&path, known.most_bytes()) {
            Err(error) if error.is_not_found() => {
                return Err(DataError::Absent { benchmark: benchmark.id.clone(), split, path });
            }
            // Larger than pinned, or no plain file: the outside alone tells.
            Err(error) => return Err(self.outside_problem(&known, &path, error)?),
            Ok(content) => content,
        };
        let mismatch = if known.accepted().is_empty() {
            Some(Mismatch::Unpinned)
        } else {
            known.check_size(content.len() as u64).or_else(|| known.check_hash(files::sha256(&content)))
        };
        match mismatch {
            Some(mismatch) => Err(self.changed(&known, path, mismatch)),
            None => Ok((path, content)),
        }
    }

    fn outside_problem(&self, known: &KnownFile<'_>, path: &Path, error: FileError) -> Result<DataError, DataError> {
        let mismatch = known.check_file(path)?;
        Ok(mismatch.map_or(DataError::File(error), |mismatch| self.changed(known, path.to_owned(), mismatch)))
    }

    fn changed(&self, known: &KnownFile<'_>, path: PathBuf, mismatch: Mismatch) -> DataError {
        let advice = match (&known.first, &mismatch) {
            (Some(first), _) => format!(
                "It was pinned on its first fetch, from {}: delete the file and fetch it again from there, or pin another \
                 with `ptb data fetch --replace`",
                first.origin
            ),
            (None, Mismatch::Unpinned) => {
                format!(
                    "Put it into a mirror folder and fetch it with `--from DIR`, which pins it in {}",
                    self.pins().path().display()
                )
            }
            (None, _) => "Delete the file and run `ptb data fetch` again".to_owned(),
        };
        DataError::Changed { path, mismatch, advice }
    }

    /// Where a file belongs.
    pub(crate) fn path_of(&self, file: &PinnedFile) -> Result<PathBuf, DataError> {
        safe_join(&self.root, &file.path)
    }

    /// The files of the benchmarks, without looking into them.
    pub fn list<'a>(
        &self,
        benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
    ) -> Result<Vec<DataStatus>, DataError> {
        self.statuses(benchmarks, Look::Size)
    }

    /// The files of the benchmarks, each compared with its pinned hash.
    pub fn verify<'a>(
        &self,
        benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
    ) -> Result<Vec<DataStatus>, DataError> {
        self.statuses(benchmarks, Look::Content)
    }

    fn statuses<'a>(
        &self,
        benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
        look: Look,
    ) -> Result<Vec<DataStatus>, DataError> {
        files_of(benchmarks).map(|(benchmark, split, file)| self.status(benchmark, split, file, look)).collect()
    }

    fn status(
        &self,
        benchmark: &BenchmarkDefinition,
        split: Split,
        file: &DataFile,
        look: Look,
    ) -> Result<DataStatus, DataError> {
        let benchmark = benchmark.id.clone();
        let DataFile::Download(file) = file else {
            return Ok(DataStatus {
                benchmark,
                split,
                path: None,
                bytes: 0,
                state: FileState::Generated,
                first_fetch: None,
            });
        };
        let path = self.path_of(file)?;
        let known = KnownFile::of(file, &self.pins())?;
        let state = match look {
            Look::Size => known.state(&path)?,
            Look::Content => known.verified_state(&path)?,
        };
        let bytes = known.accepted().first().map_or(0, |fingerprint| fingerprint.bytes);
        Ok(DataStatus { benchmark, split, path: Some(path), bytes, state, first_fetch: known.first })
    }
}

/// The files of each benchmark with their part.
pub(crate) fn files_of<'a>(
    benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
) -> impl Iterator<Item = (&'a BenchmarkDefinition, Split, &'a DataFile)> {
    benchmarks.into_iter().flat_map(|benchmark| {
        Split::ALL.into_iter().filter_map(move |split| benchmark.data.file(split).map(|file| (benchmark, split, file)))
    })
}

/// `root` joined with a path that stays below it.
pub(crate) fn safe_join(root: &Path, path: &str) -> Result<PathBuf, DataError> {
    let plain = !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(root.join(path)) } else { Err(DataError::PathEscapes(path.to_owned())) }
}
