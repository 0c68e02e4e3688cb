//! A model's files at a revision, on this machine.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ptb_core::files::{self, IoContext};
use serde::{Deserialize, Serialize};

use super::address::{Hub, HubKind};
use super::listing::{self, RemoteFile};
use crate::data::parallel::{self, Reporter};
use crate::data::{DataError, Digest, Downloader, FetchProgress, FileState, Wanted, safe_join};

/// Most pages of a repository's list of files.
const MAX_PAGES: usize = 100;
/// The file that makes a folder a checkpoint.
const CONFIG: &str = "config.json";

/// A model at a revision, and the folder it belongs into.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// The repository, such as `Qwen/Qwen3-4B-Base`.
    pub repository: &'a str,
    /// The commit.
    pub revision: &'a str,
    /// The page on which its licence has to be accepted first, where it has one.
    pub licence_page: Option<&'a str>,
    /// The checkpoint folder.
    pub folder: PathBuf,
}

/// What a complete snapshot consists of. It stands beside the folder and is written last, so that a folder without it is
/// not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The repository.
    pub repository: String,
    /// The commit.
    pub revision: String,
    /// The mirror folder that it was copied from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<PathBuf>,
    /// Its files.
    pub files: Vec<RemoteFile>,
}

impl Snapshot<'_> {
    /// The manifest, if the snapshot is complete and of this revision.
    pub fn manifest(&self) -> Result<Option<Manifest>, DataError> {
        let manifest: Option<Manifest> = files::read_json_if_present(&self.manifest_path())?;
        Ok(manifest.filter(|manifest| manifest.repository == self.repository && manifest.revision == self.revision))
    }

    fn manifest_path(&self) -> PathBuf {
        self.folder.with_added_extension("files.json")
    }

    /// Whether the model can be used, by the sizes of its files; with `content`, by their hashes.
    pub fn state(&self, content: bool) -> Result<FileState, DataError> {
        let Some(manifest) = self.manifest()? else { return Ok(FileState::Absent) };
        for file in &manifest.files {
            let path = safe_join(&self.folder, &file.path)?;
            let size = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
            let difference = match size {
                None => Some("it is missing".to_owned()),
                Some(size) if size != file.bytes => Some(format!("it has {size} bytes instead of {}", file.bytes)),
                Some(_) if content => file.digest.check(&path)?.map(|mismatch| mismatch.to_string()),
                Some(_) => None,
            };
            if let Some(difference) = difference {
                return Ok(FileState::Damaged(format!("{}: {difference}", file.path)));
            }
        }
        Ok(if content { FileState::Verified } else { FileState::Present })
    }

    /// Downloads what is missing or damaged, several files at one time. `config.json` comes last: a folder without it is no
    /// checkpoint yet.
    pub fn download(
        &self,
        downloader: &Downloader,
        hub: &Hub,
        progress: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<Manifest, DataError> {
        let files = self.list(downloader, hub)?;
        let (last, first): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path == CONFIG);
        for part in [first, last] {
            let fetch =
                |file: &&RemoteFile, reporter: &Reporter<'_>| self.download_file(file, downloader, hub, reporter);
            let results = parallel::run(&part, fetch, &mut |moved| {
                progress(FetchProgress { name: &part[moved.job].path, done: moved.done, total: moved.total });
            });
            parallel::all_or_errors(results)?;
        }
        self.complete(None, files)
    }

    fn download_file(
        &self,
        file: &RemoteFile,
        downloader: &Downloader,
        hub: &Hub,
        reporter: &Reporter<'_>,
    ) -> Result<(), DataError> {
        let path = safe_join(&self.folder, &file.path)?;
        if path.is_file() && file.digest.check(&path)?.is_none() {
            return Ok(());
        }
        let url = hub.file(HubKind::Model, self.repository, self.revision, &file.path);
        let wanted = Wanted { bytes: Some(file.bytes), digest: Some(&file.digest), ..self.wanted(&url, hub) };
        downloader.download(&wanted, &path, &mut |done, total| reporter.moved(done, total)).map(drop)
    }

    fn wanted<'b>(&'b self, url: &'b str, hub: &'b Hub) -> Wanted<'b> {
        let token = hub.token().filter(|_| hub.owns(url));
        Wanted { url, bytes: None, digest: None, token, licence_page: self.licence_page }
    }

    /// Copies the model out of a mirror: `DIR/OWNER/NAME`, or `DIR/NAME`. Its files are pinned by this.
    pub fn copy(&self, mirror: &Path) -> Result<Manifest, DataError> {
        let name = self.repository.rsplit('/').next().unwrap_or(self.repository);
        let places = [safe_join(mirror, self.repository)?, safe_join(mirror, name)?];
        let Some(from) = places.iter().find(|place| place.join(CONFIG).is_file()) else {
            return Err(DataError::NotInMirror(places.map(|place| place.join(CONFIG)).to_vec()));
        };
        files::create_folder(&self.folder)?;
        let mut copied = Vec::new();
        for path in checkpoint_files(from)? {
            let (source, target) = (safe_join(from, &path)?, safe_join(&self.folder, &path)?);
            let mut content = File::open(&source).with_path("read", &source)?;
            files::write_atomic_with(&target, |file| io::copy(&mut content, file).map(drop))?;
            let bytes = fs::metadata(&target).with_path("read", &target)?.len();
            copied.push(RemoteFile { path, bytes, digest: Digest::Sha256(files::sha256_file(&target)?) });
        }
        self.complete(Some(from.clone()), copied)
    }

    fn complete(&self, mirror: Option<PathBuf>, files: Vec<RemoteFile>) -> Result<Manifest, DataError> {
        let (repository, revision) = (self.repository.to_owned(), self.revision.to_owned());
        let manifest = Manifest { repository, revision, mirror, files };
        files::write_json(&self.manifest_path(), &manifest)?;
        Ok(manifest)
    }

    /// The checkpoint's files as the hub lists them.
    fn list(&self, downloader: &Downloader, hub: &Hub) -> Result<Vec<RemoteFile>, DataError> {
        let first = hub.tree(HubKind::Model, self.repository, self.revision);
        let mut next = Some(first.clone());
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(url) = next.take() else { break };
            let (content, following) = downloader.document(&self.wanted(&url, hub))?;
            let unreadable =
                |error: serde_json::Error| DataError::Listing { url: url.clone(), reason: error.to_string() };
            found.extend(listing::parse(&content).map_err(unreadable)?);
            next = following;
        }
        found.retain(|file| listing::is_checkpoint_file(&file.path));
        if found.iter().any(|file| file.path == CONFIG) {
            return Ok(found);
        }
        Err(DataError::Listing { url: first, reason: format!("it has no {CONFIG}") })
    }
}

/// The names of a folder's checkpoint files.
fn checkpoint_files(folder: &Path) -> Result<BTreeSet<String>, DataError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).with_path("list", folder)? {
        let entry = entry.with_path("list", folder)?;
        if let Ok(name) = entry.file_name().into_string()
            && listing::is_checkpoint_file(&name)
            && entry.path().is_file()
        {
            names.insert(name);
        }
    }
    Ok(names)
}
