//! Files from a mirror folder.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use ptb_core::files::{self, IoContext};

use super::error::DataError;
use super::store::{Pin, safe_join};

/// Copies a pinned file out of a folder of the same shape; a file that is not the pinned one never gets in place.
pub(crate) fn copy(mirror: &Path, pin: &Pin<'_>, target: &Path) -> Result<(), DataError> {
    let from = safe_join(mirror, pin.path)?;
    fs::metadata(&from).with_path("read", &from)?;
    if let Some(mismatch) = pin.check_file(&from)? {
        let advice = "The mirror is damaged or belongs to other definitions: get the file anew".to_owned();
        return Err(DataError::Changed { path: from, mismatch, advice });
    }
    let mut source = File::open(&from).with_path("read", &from)?;
    files::write_atomic_with(target, |file| io::copy(&mut source, file).map(drop))?;
    Ok(())
}
