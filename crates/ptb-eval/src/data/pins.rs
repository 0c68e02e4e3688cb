//! What was pinned on first fetch.
//!
//! A file whose definition has no hash is pinned by its first fetch: `pins.json` in the data folder keeps its hash, and
//! from then on the file and every later fetch must match it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use ptb_core::definitions::Fingerprint;
use ptb_core::files::{self, FileError, IoContext};
use serde::{Deserialize, Serialize};

/// The files that were pinned on first fetch, in the data folder.
#[derive(Debug, Clone)]
pub(crate) struct Pins {
    path: PathBuf,
}

/// A file that was pinned on first fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstFetch {
    /// Hash and size of the file.
    #[serde(flatten)]
    pub fingerprint: Fingerprint,
    /// The address or the mirror's file that it came from.
    pub origin: String,
    /// When it came.
    pub fetched: jiff::Timestamp,
}

type Entries = BTreeMap<String, FirstFetch>;

impl Pins {
    /// The pins of a data folder, which need not exist yet.
    pub(crate) fn of(data_folder: &Path) -> Self {
        Self { path: data_folder.join("pins.json") }
    }

    /// The file that holds them.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is pinned of a file.
    pub(crate) fn get(&self, file: &str) -> Result<Option<FirstFetch>, FileError> {
        Ok(self.entries()?.remove(file))
    }

    /// Pins a file.
    pub(crate) fn record(&self, file: &str, first: FirstFetch) -> Result<(), FileError> {
        self.change(|entries| {
            entries.insert(file.to_owned(), first);
        })
    }

    /// Forgets a file, so that the next fetch pins it anew.
    pub(crate) fn forget(&self, file: &str) -> Result<(), FileError> {
        self.change(|entries| {
            entries.remove(file);
        })
    }

    fn entries(&self) -> Result<Entries, FileError> {
        Ok(files::read_json_if_present(&self.path)?.unwrap_or_default())
    }

    /// Changes the entries; a lock keeps other threads and processes from doing so at the same time.
    fn change(&self, change: impl FnOnce(&mut Entries)) -> Result<(), FileError> {
        if let Some(folder) = self.path.parent() {
            files::create_folder(folder)?;
        }
        let lock = self.path.with_extension("lock");
        let locked = File::create(&lock).with_path("write", &lock)?;
        locked.lock().with_path("lock", &lock)?;
        let mut entries = self.entries()?;
        change(&mut entries);
        files::write_json(&self.path, &entries)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn first(sha256: &str) -> FirstFetch {
        let fingerprint = Fingerprint { sha256: sha256.to_owned(), bytes: 3 };
        FirstFetch { fingerprint, origin: "mirror/file.csv".to_owned(), fetched: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_pin_is_kept_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::of(&folder.path().join("data"));
        assert_eq!(pins.get("a.csv").unwrap(), None);
        pins.record("a.csv", first("aa")).unwrap();
        assert_eq!(pins.get("a.csv").unwrap(), Some(first("aa")));
        assert_eq!(pins.get("b.csv").unwrap(), None);
        pins.forget("a.csv").unwrap();
        assert_eq!(pins.get("a.csv").unwrap(), None);
    }

    #[test]
    fn pins_of_several_threads_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let pins = &Pins::of(folder.path());
        thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || pins.record(&format!("{number}.csv"), first("aa")).unwrap());
            }
        });
        assert!((0..8).all(|number| pins.get(&format!("{number}.csv")).unwrap().is_some()));
    }
}
