//! Getting the files of data sets.

use std::fs;
use std::path::{Path, PathBuf};

use ptb_core::definitions::{BenchmarkDefinition, DataFile, FileSource, Fingerprint, PinnedFile, Split};
use ptb_core::files::{self, IoContext};
use ptb_core::ids::BenchmarkId;
use serde::Serialize;

use super::digest::Digest;
use super::download::{Downloader, Wanted};
use super::error::DataError;
use super::known::KnownFile;
use super::parallel::{self, Reporter};
use super::pins::FirstFetch;
use super::store::{DataStore, files_of};
use super::{mirror, unpack};
use crate::hub::{self, Hub, HubKind};

/// Where files come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// The pinned addresses.
    Network(&'a Downloader, &'a Hub),
    /// A folder with the same relative paths.
    Mirror(&'a Path),
}

/// How far the fetching of one file is.
#[derive(Debug, Clone, Copy)]
pub struct FetchProgress<'a> {
    /// What is fetched.
    pub name: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes of the whole file, where they are known.
    pub total: Option<u64>,
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
    #[serde(flatten)]
    pub action: FetchAction,
}

/// What was done for a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// Fetched for the first time, and pinned by that: its definition has no hash.
    Pinned {
        /// SHA-256 that it must have from now on.
        sha256: String,
        /// Where it came from.
        origin: String,
    },
}

/// One file to fetch.
struct Job<'a> {
    name: String,
    benchmark: &'a BenchmarkId,
    split: Split,
    file: &'a DataFile,
}

impl DataStore {
    /// Fetches all files of the benchmarks that are not here yet, or here but damaged, and verifies them; several at one
    /// time. One that fails does not stop the others.
    pub fn fetch<'a>(
        &self,
        benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
        source: Source<'_>,
        progress: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<Vec<FetchReport>, DataError> {
        let job = |(benchmark, split, file): (&'a BenchmarkDefinition, Split, &'a DataFile)| Job {
            name: format!("{} {split}", benchmark.id),
            benchmark: &benchmark.id,
            split,
            file,
        };
        let jobs: Vec<_> = files_of(benchmarks).map(job).collect();
        let reports = parallel::run(&jobs, |job, reporter| self.fetch_job(job, source, reporter), &mut |moved| {
            progress(FetchProgress { name: &jobs[moved.job].name, done: moved.done, total: moved.total });
        });
        parallel::all_or_errors(reports)
    }

    /// Forgets what first fetches of the benchmarks' files pinned, so that the next fetch pins what then comes.
    pub fn forget_first_fetches<'a>(
        &self,
        benchmarks: impl IntoIterator<Item = &'a BenchmarkDefinition>,
    ) -> Result<(), DataError> {
        for (_, _, file) in files_of(benchmarks) {
            if let DataFile::Download(file) = file
                && file.pinned.is_none()
            {
                self.pins().forget(&file.path)?;
                files::remove_all(&self.path_of(file)?)?;
            }
        }
        Ok(())
    }

    fn fetch_job(&self, job: &Job<'_>, source: Source<'_>, reporter: &Reporter<'_>) -> Result<FetchReport, DataError> {
        let report = |path, bytes, action| FetchReport {
            benchmark: job.benchmark.clone(),
            split: job.split,
            path,
            bytes,
            action,
        };
        let DataFile::Download(file) = job.file else { return Ok(report(None, 0, FetchAction::Generated)) };
        let path = self.path_of(file)?;
        let action = self.fetch_file(file, &path, source, reporter)?;
        let bytes = fs::metadata(&path).with_path("read", &path)?.len();
        Ok(report(Some(path), bytes, action))
    }

    fn fetch_file(
        &self,
        file: &PinnedFile,
        path: &Path,
        source: Source<'_>,
        reporter: &Reporter<'_>,
    ) -> Result<FetchAction, DataError> {
        let known = KnownFile::of(file, &self.pins())?;
        let pinned = !known.accepted().is_empty();
        if pinned && path.is_file() && known.check_file(path)?.is_none() {
            return Ok(FetchAction::AlreadyThere);
        }
        let (action, origin) = match source {
            Source::Mirror(folder) => {
                let from = mirror::copy(folder, &known, path)?;
                (FetchAction::Copied, from.display().to_string())
            }
            Source::Network(downloader, hub) => {
                let url = address(&file.source, hub);
                let resumed_at = download(&known, path, downloader, hub, &url, reporter)?;
                (FetchAction::Downloaded { resumed_at }, url)
            }
        };
        if pinned { Ok(action) } else { self.pin(file, path, origin) }
    }

    fn pin(&self, file: &PinnedFile, path: &Path, origin: String) -> Result<FetchAction, DataError> {
        let sha256 = files::sha256_file(path)?;
        let bytes = fs::metadata(path).with_path("read", path)?.len();
        let fingerprint = Fingerprint { sha256: sha256.clone(), bytes };
        let first = FirstFetch { fingerprint, origin: origin.clone(), fetched: jiff::Timestamp::now() };
        self.pins().record(&file.path, first)?;
        Ok(FetchAction::Pinned { sha256, origin })
    }
}

fn address(source: &FileSource, hub: &Hub) -> String {
    match source {
        FileSource::Url(url) => url.clone(),
        FileSource::Hub(place) => hub.file(HubKind::Dataset, &place.repository, &place.revision, &place.file),
    }
}

/// Downloads a file; answers how many bytes an earlier try had left.
fn download(
    known: &KnownFile<'_>,
    path: &Path,
    downloader: &Downloader,
    hub: &Hub,
    url: &str,
    reporter: &Reporter<'_>,
) -> Result<u64, DataError> {
    let expected = known.file.packed.as_ref().or_else(|| known.accepted().into_iter().next());
    let digest = expected.map(|fingerprint| Digest::Sha256(fingerprint.sha256.clone()));
    let licence_page = match &known.file.source {
        FileSource::Hub(place) if place.gated => Some(hub::page(HubKind::Dataset, &place.repository)),
        _ => None,
    };
    let wanted = Wanted {
        url,
        bytes: expected.map(|fingerprint| fingerprint.bytes),
        digest: digest.as_ref(),
        token: hub.token().filter(|_| hub.owns(url)),
        licence_page: licence_page.as_deref(),
    };
    let mut moved = |done, total| reporter.moved(done, total);
    if known.file.packed.is_none() {
        return Ok(downloader.download(&wanted, path, &mut moved)?.resumed_at);
    }
    let packed = path.with_added_extension("packed");
    let arrived = downloader.download(&wanted, &packed, &mut moved)?;
    unpack::gunzip(&packed, path, known.most_bytes())?;
    files::remove_all(&packed)?;
    match known.check_file(path)? {
        None => Ok(arrived.resumed_at),
        Some(mismatch) => {
            files::remove_all(path)?;
            let advice =
                "The definition's hashes of the packed and the unpacked file do not belong together: correct it";
            Err(DataError::Changed { path: path.to_owned(), mismatch, advice: advice.to_owned() })
        }
    }
}
