//! The data folder.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use ptb_core::definitions::{BenchmarkDefinition, DataFile, Split};
use ptb_core::files::{self, IoContext};
use ptb_core::ids::BenchmarkId;
use serde::Serialize;

use super::error::{DataError, Mismatch};
use super::item::Item;
use super::micro::micro_items;
use super::rows::RowReader;

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
    /// Its pinned size in bytes.
    pub bytes: u64,
    /// Whether it can be used.
    pub state: FileState,
}

/// Whether a file of a data set can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
pub enum FileState {
    /// Made from a seed whenever it is needed.
    Generated,
    /// Never fetched.
    Absent,
    /// There, with the pinned size; the content was not looked at.
    Present,
    /// There, with the pinned content.
    Verified,
    /// There, but not the pinned file; says how it differs.
    Damaged(String),
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy)]
enum Look {
    Size,
    Content,
}

/// What a definition pins of a downloaded file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pin<'a> {
    pub(crate) url: &'a str,
    pub(crate) path: &'a str,
    pub(crate) sha256: &'a str,
    pub(crate) bytes: u64,
    rows: u32,
}

impl<'a> Pin<'a> {
    pub(crate) fn of(file: &'a DataFile) -> Option<Self> {
        match file {
            DataFile::Download { url, path, sha256, bytes, rows } => {
                Some(Self { url, path, sha256, bytes: *bytes, rows: *rows })
            }
            DataFile::Micro { .. } => None,
        }
    }

    /// Compares size and hash of a file.
    pub(crate) fn check_file(&self, path: &Path) -> Result<Option<Mismatch>, DataError> {
        let found = fs::metadata(path).with_path("read", path)?.len();
        if found != self.bytes {
            return Ok(Some(Mismatch::Size { expected: self.bytes, found }));
        }
        Ok(self.check_hash(files::sha256_file(path)?))
    }

    /// The state of a file as far as its size tells.
    fn state(&self, path: &Path) -> Result<FileState, DataError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(FileState::Absent),
            Ok(metadata) if !metadata.is_file() => Ok(FileState::Damaged("it is not a plain file".to_owned())),
            Ok(metadata) if metadata.len() != self.bytes => {
                let mismatch = Mismatch::Size { expected: self.bytes, found: metadata.len() };
                Ok(FileState::Damaged(mismatch.to_string()))
            }
            metadata => Ok(metadata.with_path("read", path).map(|_| FileState::Present)?),
        }
    }

    /// The state of a file by its hash.
    fn verified_state(&self, path: &Path) -> Result<FileState, DataError> {
        match self.state(path)? {
            FileState::Present => {
                let mismatch = self.check_file(path)?;
                Ok(mismatch.map_or(FileState::Verified, |mismatch| FileState::Damaged(mismatch.to_string())))
            }
            state => Ok(state),
        }
    }

    /// The error that says how the file differs.
    fn changed(&self, path: &Path) -> Result<DataError, DataError> {
        let mismatch = self.check_file(path)?.unwrap_or(Mismatch::Size { expected: self.bytes, found: 0 });
        let advice = "Delete the file and run `ptb data fetch` again".to_owned();
        Ok(DataError::Changed { path: path.to_owned(), mismatch, advice })
    }

    fn check_hash(&self, found: String) -> Option<Mismatch> {
        (found != self.sha256).then(|| Mismatch::Hash { expected: self.sha256.to_owned(), found })
    }
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

    /// All items of a part of a benchmark's data, checked against what its definition pins.
    ///
    /// Training items of a generated set have no fixed number: see [`micro_items`].
    pub fn items(&self, benchmark: &BenchmarkDefinition, split: Split) -> Result<Vec<Item>, DataError> {
        let no_split = || DataError::NoSplit { benchmark: benchmark.id.clone(), split };
        let file = benchmark.data.file(split).ok_or_else(no_split)?;
        match (file, Pin::of(file)) {
            (_, Some(pin)) => self.pinned_items(benchmark, split, &pin),
            (DataFile::Micro { set }, None) if split == Split::Test => {
                micro_items(benchmark, *set, split, usize::MAX, 0)
            }
            _ => Err(DataError::Unbounded { benchmark: benchmark.id.clone() }),
        }
    }

    fn pinned_items(
        &self,
        benchmark: &BenchmarkDefinition,
        split: Split,
        pin: &Pin<'_>,
    ) -> Result<Vec<Item>, DataError> {
        let path = self.path_of(pin)?;
        let content = match files::read_bounded(&path, pin.bytes) {
            Err(error) if error.is_not_found() => {
                return Err(DataError::Absent { benchmark: benchmark.id.clone(), split, path });
            }
            // Larger than pinned: the size alone tells.
            Err(_) if pin.state(&path)? != FileState::Present => return Err(pin.changed(&path)?),
            content => content?,
        };
        if pin.check_hash(files::sha256(&content)).is_some() {
            return Err(pin.changed(&path)?);
        }
        let reader = RowReader { benchmark: &benchmark.id, split, fields: &benchmark.fields, path: &path };
        let items = reader.read(&content)?;
        match (items.len(), pin.rows as usize) {
            (found, expected) if found != expected => Err(DataError::RowCount { path, expected, found }),
            _ => Ok(items),
        }
    }

    /// Where a pinned file belongs.
    pub(crate) fn path_of(&self, pin: &Pin<'_>) -> Result<PathBuf, DataError> {
        safe_join(&self.root, pin.path)
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
        let mut statuses = Vec::new();
        for (benchmark, split, file) in files_of(benchmarks) {
            let (path, bytes, state) = match Pin::of(file) {
                None => (None, 0, FileState::Generated),
                Some(pin) => {
                    let path = self.path_of(&pin)?;
                    let state = match look {
                        Look::Size => pin.state(&path)?,
                        Look::Content => pin.verified_state(&path)?,
                    };
                    (Some(path), pin.bytes, state)
                }
            };
            statuses.push(DataStatus { benchmark: benchmark.id.clone(), split, path, bytes, state });
        }
        Ok(statuses)
    }
}

/// The files of each benchmark with their part.
pub(crate) fn files_of<'a>(
    benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
) -> impl Iterator<Item = (&'a BenchmarkDefinition, Split, &'a DataFile)> {
    benchmarks.into_iter().flat_map(|benchmark| {
        [Split::Test, Split::Train]
            .into_iter()
            .filter_map(move |split| benchmark.data.file(split).map(|file| (benchmark, split, file)))
    })
}

/// `root` joined with a path that stays below it.
pub(crate) fn safe_join(root: &Path, path: &str) -> Result<PathBuf, DataError> {
    let plain = !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(root.join(path)) } else { Err(DataError::PathEscapes(path.to_owned())) }
}
