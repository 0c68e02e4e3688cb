//! Files from a mirror folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ptb_core::definitions::PinnedFile;
use ptb_core::files::{self, IoContext};

use super::error::DataError;
use super::known::KnownFile;
use super::store::safe_join;

/// Copies a file out of a folder of the same shape and tells where it stood. A file that differs from what is pinned never
/// gets in place.
pub(crate) fn copy(mirror: &Path, known: &KnownFile<'_>, target: &Path) -> Result<PathBuf, DataError> {
    let from = find(mirror, known.file)?;
    if let Some(mismatch) = known.check_file(&from)? {
        let advice = "The mirror is damaged or belongs to other definitions: get the file anew".to_owned();
        return Err(DataError::Changed { path: from, mismatch, advice });
    }
    let mut source = File::open(&from).with_path("read", &from)?;
    files::write_atomic_with(target, |file| io::copy(&mut source, file).map(drop))?;
    Ok(from)
}

/// The first of the places in the mirror at which the file may be.
fn find(mirror: &Path, file: &PinnedFile) -> Result<PathBuf, DataError> {
    let places: Result<Vec<_>, _> =
        [&file.path].into_iter().chain(&file.mirror_paths).map(|path| safe_join(mirror, path)).collect();
    let places = places?;
    match places.iter().find(|place| fs::metadata(place).is_ok_and(|metadata| metadata.is_file())) {
        Some(place) => Ok(place.clone()),
        None => Err(DataError::NotInMirror(places)),
    }
}
