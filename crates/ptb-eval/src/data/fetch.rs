//! Getting the files of data sets.

use std::path::{Path, PathBuf};

use ptb_core::definitions::{BenchmarkDefinition, Split};
use ptb_core::ids::BenchmarkId;
use serde::Serialize;

use super::download::Downloader;
use super::error::DataError;
use super::mirror;
use super::store::{DataStore, Pin, files_of};

/// Where files come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// The pinned addresses.
    Network(&'a Downloader),
    /// A folder with the same relative paths.
    Mirror(&'a Path),
}

/// How far the fetching of one file is.
#[derive(Debug, Clone, Copy)]
pub struct FetchProgress<'a> {
    /// Whose data.
    pub benchmark: &'a BenchmarkId,
    /// Which part.
    pub split: Split,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

/// What was done for one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FetchReport {
    /// Whose data.
    pub benchmark: BenchmarkId,
    /// Which part.
    pub split: Split,
    /// The file; none for a generated set.
    pub path: Option<PathBuf>,
    /// Its size in bytes.
    pub bytes: u64,
    /// What was done.
    pub action: FetchAction,
}

/// What was done for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum FetchAction {
    /// Nothing to fetch: the set is generated.
    Generated,
    /// Nothing to do: the pinned file was there.
    AlreadyThere,
    /// Downloaded; so many bytes were there from an earlier try.
    Downloaded {
        /// Bytes of an earlier try.
        resumed_at: u64,
    },
    /// Copied out of a mirror.
    Copied,
}

impl DataStore {
    /// Fetches all files of the benchmarks that are not here yet, or here but damaged, and verifies them.
    pub fn fetch<'a>(
        &self,
        benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
        source: Source<'_>,
        progress: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<Vec<FetchReport>, DataError> {
        let mut reports = Vec::new();
        for (benchmark, split, file) in files_of(benchmarks) {
            let id = &benchmark.id;
            let mut report = |path, bytes, action| {
                reports.push(FetchReport { benchmark: id.clone(), split, path, bytes, action });
            };
            let Some(pin) = Pin::of(file) else {
                report(None, 0, FetchAction::Generated);
                continue;
            };
            let mut moved = |done| progress(FetchProgress { benchmark: id, split, done, total: pin.bytes });
            let path = self.path_of(&pin)?;
            let action = fetch_one(&pin, &path, source, &mut moved)?;
            report(Some(path), pin.bytes, action);
        }
        Ok(reports)
    }
}

fn fetch_one(
    pin: &Pin<'_>,
    path: &Path,
    source: Source<'_>,
    moved: &mut dyn FnMut(u64),
) -> Result<FetchAction, DataError> {
    if path.is_file() && pin.check_file(path)?.is_none() {
        return Ok(FetchAction::AlreadyThere);
    }
    match source {
        Source::Mirror(folder) => {
            mirror::copy(folder, pin, path)?;
            moved(pin.bytes);
            Ok(FetchAction::Copied)
        }
        Source::Network(downloader) => {
            let resumed_at = downloader.download(pin, path, moved)?;
            Ok(FetchAction::Downloaded { resumed_at })
        }
    }
}
