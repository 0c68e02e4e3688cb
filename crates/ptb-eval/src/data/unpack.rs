//! Files that are published compressed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use ptb_core::files::{self, IoContext};

use super::error::DataError;

/// Unpacks a gzip file to `target`. At most `limit` bytes are written, so that a small file cannot fill the disk; a file
/// that is larger does not match what is pinned and is refused by its size.
pub(crate) fn gunzip(packed: &Path, target: &Path, limit: u64) -> Result<(), DataError> {
    let mut content = GzDecoder::new(File::open(packed).with_path("read", packed)?).take(limit.saturating_add(1));
    files::write_atomic_with(target, |file| io::copy(&mut content, file).map(drop))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(folder: &Path, content: &[u8]) -> std::path::PathBuf {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        let path = folder.join("file.gz");
        fs::write(&path, encoder.finish().unwrap()).unwrap();
        path
    }

    #[test]
    fn a_file_is_unpacked_and_a_bomb_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        gunzip(&packed(folder.path(), b"rows"), &target, 4).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"rows");
        gunzip(&packed(folder.path(), &vec![0; 1 << 20]), &target, 100).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().len(), 101);
    }

    #[test]
    fn a_damaged_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = packed(folder.path(), b"rows");
        fs::write(&path, &fs::read(&path).unwrap()[..10]).unwrap();
        let target = folder.path().join("file");
        let message = gunzip(&path, &target, 100).unwrap_err().to_string();
        assert!(message.contains("file") && !target.exists(), "{message}");
    }
}
