//! Data folders.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use ptb_core::definitions::{BenchmarkDefinition, Catalog, DataFile, FileSource, Fingerprint, PinnedFile, Split};
use ptb_core::files;
use ptb_eval::data::{DataStore, FetchAction, FileState, Source, default_root, hash_items};

/// A hundred rows of a data set.
pub fn content() -> Vec<u8> {
    let row = |number| format!("{{\"question\":\"What is {number} + 1?\",\"answer\":\"#### {}\"}}\n", number + 1);
    (0..100).map(row).collect::<String>().into_bytes()
}

/// GSM8K with another test file and without examples and training data.
pub fn benchmark_with(url: &str, sha256: &str, bytes: u64, rows: u32) -> BenchmarkDefinition {
    let mut benchmark = embedded("gsm8k");
    benchmark.fewshot = None;
    benchmark.data.train = None;
    benchmark.fields.hashed_id = None;
    benchmark.data.test = DataFile::Download(Box::new(PinnedFile {
        source: FileSource::Url(url.to_owned()),
        path: "set/test.jsonl".to_owned(),
        mirror_paths: Vec::new(),
        pinned: Some(Fingerprint { sha256: sha256.to_owned(), bytes }),
        rows: Some(rows),
        packed: None,
        same_rows: Vec::new(),
    }));
    benchmark
}

/// The file of the test data, to be changed.
pub fn test_file(benchmark: &mut BenchmarkDefinition) -> &mut PinnedFile {
    match &mut benchmark.data.test {
        DataFile::Download(file) => file,
        DataFile::Micro { .. } => panic!("the set is generated"),
    }
}

pub fn embedded(name: &str) -> BenchmarkDefinition {
    Catalog::embedded().unwrap().benchmark(&name.parse().unwrap()).unwrap().clone()
}

fn pinned(content: &[u8], rows: u32) -> BenchmarkDefinition {
    benchmark_with("http://unused", &files::sha256(content), content.len() as u64, rows)
}

/// A data folder that holds `found` where `expected` is pinned.
fn items_error(expected: &[u8], rows: u32, found: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/test.jsonl"), found).unwrap();
    DataStore::at(folder.path()).items(&pinned(expected, rows), Split::Test).unwrap_err().to_string()
}

#[test]
fn the_pinned_file_gives_its_items() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/test.jsonl"), content()).unwrap();
    let items = DataStore::at(folder.path()).items(&pinned(&content(), 100), Split::Test).unwrap();
    assert_eq!(items.len(), 100);
    assert_eq!((items[7].id.as_str(), items[7].target.as_str()), ("gsm8k/test/7", "8"));
}

#[test]
fn an_absent_file_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let message = DataStore::at(folder.path()).items(&pinned(&content(), 100), Split::Test).unwrap_err().to_string();
    assert!(message.contains("ptb data fetch gsm8k --from DIR"), "{message}");
}

#[test]
fn a_changed_file_is_refused_by_name_and_hash() {
    let mut changed = content();
    changed[9] = b'?';
    let message = items_error(&content(), 100, &changed);
    for part in ["set/test.jsonl", &files::sha256(&content()), &files::sha256(&changed), "Delete the file"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn truncated_longer_and_empty_files_are_refused_by_size() {
    let whole = content();
    for found in [&whole[..50], &[whole.clone(), whole.clone()].concat(), b""] {
        let message = items_error(&whole, 100, found);
        assert!(message.contains(&format!("{} bytes instead of {}", found.len(), whole.len())), "{message}");
    }
}

#[test]
fn a_wrong_number_of_rows_is_an_error() {
    assert!(items_error(&content(), 99, &content()).contains("has 100 rows, its definition says 99"));
    assert!(items_error(b"\n\n", 1, b"\n\n").contains("has 0 rows"));
}

#[test]
fn a_bad_row_is_named() {
    let bad = b"{\"question\":\"a\",\"answer\":\"#### 1\"}\n{\"question\":\n";
    assert!(items_error(bad, 2, bad).contains("set/test.jsonl:2: not a JSON object"));
}

#[test]
fn a_mirror_is_copied_only_if_it_is_right() {
    let mirror = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let benchmark = pinned(&content(), 100);
    let store = DataStore::at(folder.path());
    let fetch = || store.fetch([&benchmark], Source::Mirror(mirror.path()), &mut |_| {});
    assert!(fetch().unwrap_err().to_string().contains("set/test.jsonl"), "an absent file is named");
    fs::create_dir(mirror.path().join("set")).unwrap();
    fs::write(mirror.path().join("set/test.jsonl"), "wrong").unwrap();
    let message = fetch().unwrap_err().to_string();
    assert!(message.contains("mirror is damaged") && message.contains("5 bytes"), "{message}");
    assert_eq!(store.list([&benchmark]).unwrap()[0].state, FileState::Absent);
    fs::write(mirror.path().join("set/test.jsonl"), content()).unwrap();
    assert_eq!(fetch().unwrap()[0].action, FetchAction::Copied);
    assert_eq!(fetch().unwrap()[0].action, FetchAction::AlreadyThere);
}

#[test]
fn fetching_replaces_a_damaged_file() {
    let mirror = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (root, found) in [(mirror.path(), content()), (folder.path(), b"damaged".to_vec())] {
        fs::create_dir(root.join("set")).unwrap();
        fs::write(root.join("set/test.jsonl"), found).unwrap();
    }
    let benchmark = pinned(&content(), 100);
    let store = DataStore::at(folder.path());
    assert!(matches!(store.verify([&benchmark]).unwrap()[0].state, FileState::Damaged(_)));
    store.fetch([&benchmark], Source::Mirror(mirror.path()), &mut |_| {}).unwrap();
    assert_eq!(store.verify([&benchmark]).unwrap()[0].state, FileState::Verified);
}

#[test]
fn verify_looks_into_the_file_and_list_does_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/test.jsonl"), vec![b'x'; content().len()]).unwrap();
    let (benchmark, store) = (pinned(&content(), 100), DataStore::at(folder.path()));
    assert_eq!(store.list([&benchmark]).unwrap()[0].state, FileState::Present);
    let FileState::Damaged(how) = store.verify([&benchmark]).unwrap()[0].state.clone() else { panic!("not damaged") };
    assert!(how.contains(&files::sha256(&content())), "{how}");
}

#[test]
fn a_path_out_of_the_data_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["../x", "/etc/passwd", "a/../../x", "", "./x"] {
        let mut benchmark = pinned(&content(), 100);
        path.clone_into(&mut test_file(&mut benchmark).path);
        let error = DataStore::at(folder.path()).items(&benchmark, Split::Test).unwrap_err();
        assert!(error.to_string().contains("leaves the data folder"), "{path}: {error}");
    }
}

#[test]
fn generated_sets_need_no_files() {
    let store = DataStore::at("/nonexistent");
    let math = embedded("micro-math");
    let items = store.items(&math, Split::Test).unwrap();
    assert_eq!((items.len(), items[0].id.as_str()), (200, "micro-math/test/0"));
    assert_eq!(hash_items(&items), hash_items(&store.items(&math, Split::Test).unwrap()));
    assert!(store.items(&math, Split::Train).unwrap_err().to_string().contains("--count"));
    assert_eq!(store.list([&math]).unwrap()[0].state, FileState::Generated);
}

#[test]
fn the_data_folder_follows_the_environment() {
    let root_with = |set: &[(&str, &str)]| {
        let find = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        default_root(find)
    };
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(root_with(&[("PTB_DATA", "/d"), ("HOME", "/h")]), path("/d"));
    assert_eq!(root_with(&[("PTB_DATA", ""), ("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]), path("/c/ptb/data"));
    assert_eq!(root_with(&[("HOME", "/h")]), path("/h/.cache/ptb/data"));
    assert_eq!(root_with(&[]), None);
}

/// The folder with the public data sets, where this machine has it.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if !found.exists() {
        eprintln!("skipped: {} is not on this machine", found.display());
        return None;
    }
    Some(found)
}

#[test]
fn the_pinned_gsm8k_files_are_the_published_ones() {
    let Some(mirror) = shared("data") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (store, gsm8k) = (DataStore::at(folder.path()), embedded("gsm8k"));
    store.fetch([&gsm8k], Source::Mirror(&mirror), &mut |_| {}).unwrap();
    assert!(store.verify([&gsm8k]).unwrap().iter().all(|status| status.state == FileState::Verified));
    assert_eq!(store.items(&gsm8k, Split::Test).unwrap().len(), 1319);
    assert_eq!(store.items(&gsm8k, Split::Train).unwrap().len(), 7473);
}

#[test]
fn examples_come_in_the_order_shown_and_a_missing_row_is_named() {
    let Some(mirror) = shared("data") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (store, mut gsm8k) = (DataStore::at(folder.path()), embedded("gsm8k"));
    store.fetch([&gsm8k], Source::Mirror(&mirror), &mut |_| {}).unwrap();
    let train = store.items(&gsm8k, Split::Train).unwrap();
    gsm8k.fewshot.as_mut().unwrap().rows = vec![7, 3];
    assert_eq!(store.examples(&gsm8k).unwrap(), [train[7].clone(), train[3].clone()]);
    gsm8k.fewshot.as_mut().unwrap().rows = vec![7, 9000];
    let message = store.examples(&gsm8k).unwrap_err().to_string();
    assert!(message.contains("row 9000") && message.contains("7473 rows"), "{message}");
}
