//! Looking for test items in files.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

use crate::excerpt::excerpt;
use crate::item::TestItem;
use crate::overlap::{Field, Found, Hit, Index};
use crate::policy::{Limits, Policy};
use crate::workspace::{self, Entry, Skipped};

/// Bytes of a file that decide what it is.
const START: u64 = 8192;

/// Places of one file whose text is kept for showing.
const EXCERPTS: usize = 400;

/// What one file holds.
#[derive(Debug)]
pub(crate) struct FileScan {
    pub(crate) name: String,
    pub(crate) found: Found,
    /// The text at the first places, in the order of the hits.
    pub(crate) excerpts: Vec<String>,
    /// Its first bytes.
    pub(crate) start: Vec<u8>,
}

/// Scans files on all threads. Files that are no text, or cannot be read, are returned as skipped.
pub(crate) fn scan_entries(index: &Index, entries: &[Entry], limits: &Limits) -> (Vec<FileScan>, Vec<Skipped>) {
    let scan = |entry: &Entry| {
        scan_file(index, entry, limits).map_err(|error| Skipped { name: entry.name.clone(), reason: error.to_string() })
    };
    let results: Vec<_> = entries.par_iter().map(scan).collect();
    let (mut scans, mut skipped) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(scan) => scans.push(scan),
            Err(reason) => skipped.push(reason),
        }
    }
    (scans, skipped)
}

fn scan_file(index: &Index, entry: &Entry, limits: &Limits) -> io::Result<FileScan> {
    let mut file = workspace::open_plain(&entry.path)?;
    let mut start = Vec::new();
    file.by_ref().take(START).read_to_end(&mut start)?;
    if !workspace::looks_like_text(&start) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no text"));
    }
    file.rewind()?;
    let found = index.find_in_stream(&mut file, limits.file_bytes)?;
    let shown = found.hits.iter().take(EXCERPTS);
    let excerpts = shown.map(|hit| read_excerpt(&file, hit, limits.excerpt)).collect();
    Ok(FileScan { name: entry.name.clone(), found, excerpts, start })
}

/// The text at a hit; empty when the file was cut short in the meantime.
fn read_excerpt(file: &File, hit: &Hit, most: usize) -> String {
    let length = (hit.bytes.end - hit.bytes.start).min(most as u64 * 4) as usize;
    let mut text = vec![0; length];
    let count = file.read_at(&mut text, hit.bytes.start).unwrap_or(0);
    excerpt(&String::from_utf8_lossy(&text[..count]), most)
}

/// A test item in a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanHit {
    /// The file.
    pub path: PathBuf,
    /// Line of its first word, from 1.
    pub line: u32,
    /// Which test item.
    pub test_item: String,
    /// Which of its texts.
    pub field: Field,
    /// Share of the item that is there, weighted by rarity: 1 is a full copy.
    pub share: f32,
    /// The text that stands there, shortened.
    pub excerpt: String,
    /// The test item's text, shortened.
    pub test_excerpt: String,
}

/// What [`scan`] found.
#[derive(Debug, Default, Serialize)]
pub struct ScanReport {
    /// The places, by file and line.
    pub hits: Vec<ScanHit>,
    /// Places beyond those listed.
    pub further: u64,
    /// Number of different test items found.
    pub items: usize,
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// What was not read, as `path: reason`.
    pub skipped: Vec<String>,
}

/// A path that cannot be scanned.
#[derive(Debug, Error)]
#[error("cannot scan {}: {cause}; give files or folders that exist", path.display())]
pub struct ScanError {
    path: PathBuf,
    #[source]
    cause: io::Error,
}

/// Looks for test items in files and folders: what `ptb scan` shows. Says nothing about whether anybody trained on them.
pub fn scan(items: &[TestItem], paths: &[PathBuf], policy: &Policy) -> Result<ScanReport, ScanError> {
    let index = Index::new(items, policy.overlap.clone());
    let mut report = ScanReport::default();
    let mut found_items = std::collections::HashSet::new();
    for path in paths {
        let (entries, mut skipped) = entries_of(path, &policy.limits)?;
        let (scans, unread) = scan_entries(&index, &entries, &policy.limits);
        skipped.extend(unread);
        report.skipped.extend(skipped.iter().map(|skipped| format!("{}: {}", skipped.name, skipped.reason)));
        for scan in scans {
            found_items.extend(scan.found.hits.iter().map(|hit| hit.item));
            report.add(items, path, &scan, &policy.limits);
        }
    }
    report.items = found_items.len();
    Ok(report)
}

/// A given file may be a link: the person who gave it meant what it points to. Links below a folder are not followed.
fn entries_of(path: &Path, limits: &Limits) -> Result<(Vec<Entry>, Vec<Skipped>), ScanError> {
    let resolved = path.canonicalize().map_err(|cause| ScanError { path: path.to_owned(), cause })?;
    if resolved.is_dir() {
        let listing = workspace::list(&resolved, limits);
        return Ok((listing.entries, listing.skipped));
    }
    Ok((vec![Entry { name: String::new(), path: resolved }], Vec::new()))
}

impl ScanReport {
    fn add(&mut self, items: &[TestItem], root: &Path, scan: &FileScan, limits: &Limits) {
        self.files += 1;
        self.bytes += scan.found.bytes;
        self.further += scan.found.total - scan.excerpts.len() as u64;
        for (hit, text) in scan.found.hits.iter().zip(&scan.excerpts) {
            self.hits.push(ScanHit {
                path: if scan.name.is_empty() { root.to_owned() } else { root.join(&scan.name) },
                line: hit.line,
                test_item: items[hit.item].id.clone(),
                field: hit.field,
                share: hit.share,
                excerpt: text.clone(),
                test_excerpt: excerpt(items[hit.item].text(hit.field), limits.excerpt),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn items() -> Vec<TestItem> {
        let question = "Ana has 12 apples. She buys 30 more. How many apples does Ana have now?".to_owned();
        vec![TestItem { id: "m/test/0".to_owned(), question, answer: "So.".to_owned(), target: "42".to_owned() }]
    }

    #[test]
    fn hits_name_file_line_and_item() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("a.jsonl"), format!("{{}}\n{{\"q\": \"{}\"}}\n", items()[0].question))?;
        fs::write(folder.path().join("clean.txt"), "nothing")?;
        fs::write(folder.path().join("junk.txt"), [0, 1, 2, 255])?;
        let report = scan(&items(), &[folder.path().to_owned()], &Policy::default())?;
        assert_eq!((report.hits.len(), report.items, report.files), (1, 1, 2));
        assert_eq!((report.hits[0].line, report.hits[0].test_item.as_str()), (2, "m/test/0"));
        assert!(report.hits[0].path.ends_with("a.jsonl"));
        assert!(report.hits[0].excerpt.starts_with("Ana has 12"));
        assert_eq!(report.skipped, ["junk.txt: it is no text"]);
        Ok(())
    }

    #[test]
    fn a_file_that_vanished_is_skipped() {
        let entry = Entry { name: "gone".to_owned(), path: "/nonexistent/gone".into() };
        let index = Index::new(&items(), Policy::default().overlap);
        let (scans, skipped) = scan_entries(&index, &[entry], &Limits::default());
        assert!(scans.is_empty());
        assert_eq!(skipped[0].name, "gone");
    }

    #[test]
    fn a_path_that_does_not_exist_is_an_error() {
        assert!(scan(&items(), &["/nonexistent".into()], &Policy::default()).is_err());
    }
}
