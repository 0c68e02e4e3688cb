//! Data sets and models of the hub, against a server on this machine that answers at the hub's addresses.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ptb_core::definitions::{BenchmarkDefinition, FileSource, Fingerprint, HubFile, Split};
use ptb_core::files;
use ptb_eval::data::{DataStore, Downloader, FetchAction, FileState, Source};
use ptb_eval::hub::{Hub, Snapshot};

use crate::data::{benchmark_with, content, embedded, test_file};

/// A hub with some files; those below `gated` need the token.
struct HubServer {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

const TOKEN: &str = "hf_right";

impl HubServer {
    fn start(files: &[(&str, Vec<u8>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files: HashMap<String, Vec<u8>> =
            files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect();
        let (files, seen) = (Arc::new(files), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (files, log) = (Arc::clone(&files), Arc::clone(&log));
                thread::spawn(move || answer(stream.unwrap(), &files, &log));
            }
        });
        Self { address, seen }
    }

    fn hub(&self, token: Option<&str>) -> Hub {
        Hub::from_environment(|name| match name {
            "HF_ENDPOINT" => Some(OsString::from(&self.address)),
            "HF_TOKEN" => token.map(OsString::from),
            _ => None,
        })
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, files: &HashMap<String, Vec<u8>>, log: &Mutex<Vec<String>>) {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while reader.read_line(&mut head).unwrap_or(0) > 0 && !head.ends_with("\r\n\r\n") {}
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    log.lock().unwrap().push(head.clone());
    let allowed = !path.contains("gated") || head.contains(&format!("Bearer {TOKEN}"));
    let (status, body) = match files.get(&path) {
        _ if !allowed => ("401 Unauthorized", Vec::new()),
        None => ("404 Not Found", Vec::new()),
        Some(body) => ("200 OK", body.clone()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.into_bytes(), body].concat());
}

fn downloader() -> Downloader {
    Downloader::new(2, Duration::from_millis(1))
}

/// A data set on the hub; `pinned` says whether its definition knows the hash.
fn on_the_hub(gated: bool, pinned: bool) -> BenchmarkDefinition {
    let mut benchmark = benchmark_with("", &files::sha256(&content()), content().len() as u64, 100);
    let file = test_file(&mut benchmark);
    let repository = if gated { "owner/gated" } else { "owner/open" }.to_owned();
    file.source =
        FileSource::Hub(HubFile { repository, revision: "abc123".to_owned(), file: "test.jsonl".to_owned(), gated });
    if !pinned {
        file.pinned = None;
    }
    benchmark
}

fn fetch(root: &Path, benchmark: &BenchmarkDefinition, hub: &Hub) -> Result<FetchAction, String> {
    let reports = DataStore::at(root).fetch([benchmark], Source::Network(&downloader(), hub), &mut |_| {});
    reports.map(|reports| reports[0].action.clone()).map_err(|error| error.to_string())
}

#[test]
fn a_file_of_the_hub_is_asked_for_at_its_revision_with_the_token() {
    let server = HubServer::start(&[("datasets/owner/open/resolve/abc123/test.jsonl", content())]);
    let folder = tempfile::tempdir().unwrap();
    let benchmark = on_the_hub(false, true);
    assert_eq!(
        fetch(folder.path(), &benchmark, &server.hub(Some(TOKEN))).unwrap(),
        FetchAction::Downloaded { resumed_at: 0 }
    );
    assert!(server.seen()[0].contains(&format!("Bearer {TOKEN}")));
    assert_eq!(DataStore::at(folder.path()).items(&benchmark, Split::Test).unwrap().len(), 100);
}

#[test]
fn the_token_goes_to_the_hub_only() {
    let server = HubServer::start(&[("test.jsonl", content())]);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/test.jsonl", server.address);
    let benchmark = benchmark_with(&url, &files::sha256(&content()), content().len() as u64, 100);
    let other = Hub::from_environment(|name| (name == "HF_TOKEN").then(|| OsString::from(TOKEN)));
    fetch(folder.path(), &benchmark, &other).unwrap();
    assert!(!server.seen()[0].contains(TOKEN), "{:?}", server.seen());
}

#[test]
fn a_gated_file_says_which_licence_and_which_variable() {
    let server = HubServer::start(&[("datasets/owner/gated/resolve/abc123/test.jsonl", content())]);
    let folder = tempfile::tempdir().unwrap();
    let benchmark = on_the_hub(true, true);
    let message = fetch(folder.path(), &benchmark, &server.hub(None)).unwrap_err();
    for part in ["401", "https://huggingface.co/datasets/owner/gated", "HF_TOKEN", "not set"] {
        assert!(message.contains(part), "{message}");
    }
    let message = fetch(folder.path(), &benchmark, &server.hub(Some("hf_wrong"))).unwrap_err();
    assert!(message.contains("was refused") && !message.contains("hf_wrong"), "{message}");
    assert_eq!(server.seen().len(), 2, "what is refused is not asked for again");
    fetch(folder.path(), &benchmark, &server.hub(Some(TOKEN))).unwrap();
}

#[test]
fn a_file_without_a_hash_is_pinned_by_its_first_fetch() {
    let server = HubServer::start(&[("datasets/owner/gated/resolve/abc123/test.jsonl", content())]);
    let (folder, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (benchmark, store) = (on_the_hub(true, false), DataStore::at(folder.path()));
    let hub = server.hub(Some(TOKEN));
    let action = fetch(folder.path(), &benchmark, &hub).unwrap();
    let FetchAction::Pinned { sha256, origin } = action else { panic!("{action:?}") };
    assert_eq!(sha256, files::sha256(&content()));
    assert!(origin.contains("owner/gated/resolve/abc123"), "{origin}");
    assert_eq!(store.verify([&benchmark]).unwrap()[0].state, FileState::Verified);
    assert_eq!(store.items(&benchmark, Split::Test).unwrap().len(), 100);

    let mut other = content();
    other[5] ^= 1;
    fs::write(folder.path().join("set/test.jsonl"), &other).unwrap();
    let message = store.items(&benchmark, Split::Test).unwrap_err().to_string();
    assert!(message.contains("pinned on its first fetch") && message.contains("--replace"), "{message}");

    fs::create_dir(mirror.path().join("set")).unwrap();
    fs::write(mirror.path().join("set/test.jsonl"), &other).unwrap();
    let message = store.fetch([&benchmark], Source::Mirror(mirror.path()), &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("mirror") && message.contains(&files::sha256(&content())), "{message}");

    store.forget_first_fetches([&benchmark]).unwrap();
    let reports = store.fetch([&benchmark], Source::Mirror(mirror.path()), &mut |_| {}).unwrap();
    assert!(matches!(&reports[0].action, FetchAction::Pinned { sha256, .. } if *sha256 == files::sha256(&other)));
}

#[test]
fn a_file_that_nobody_fetched_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (benchmark, store) = (on_the_hub(false, false), DataStore::at(folder.path()));
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/test.jsonl"), content()).unwrap();
    assert!(matches!(store.list([&benchmark]).unwrap()[0].state, FileState::Damaged(_)));
    let message = store.items(&benchmark, Split::Test).unwrap_err().to_string();
    assert!(message.contains("not fetched") && message.contains("--from DIR"), "{message}");
}

#[test]
fn other_renderings_of_the_same_rows_and_packed_files_are_accepted() {
    let Some(mirror) = crate::data::shared("data") else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = DataStore::at(folder.path());
    let names = ["aime2025", "arenahardwriting", "bfcl", "gpqamain", "gsm8k", "healthbench", "humaneval"];
    let benchmarks = names.map(embedded);
    store.fetch(&benchmarks, Source::Mirror(&mirror), &mut |_| {}).unwrap();
    assert!(store.verify(&benchmarks).unwrap().iter().all(|status| status.state == FileState::Verified));
    let rows = benchmarks.map(|benchmark| store.items(&benchmark, Split::Test).unwrap().len());
    assert_eq!(rows, [30, 250, 100, 60, 1319, 245, 164]);
}

#[test]
fn a_packed_file_is_unpacked_and_both_hashes_count() {
    use flate2::{Compression, write::GzEncoder};
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&content()).unwrap();
    let packed = encoder.finish().unwrap();
    let server = HubServer::start(&[("test.jsonl.gz", packed.clone())]);
    let url = format!("{}/test.jsonl.gz", server.address);
    let mut benchmark = benchmark_with(&url, &files::sha256(&content()), content().len() as u64, 100);
    let fingerprint = Fingerprint { sha256: files::sha256(&packed), bytes: packed.len() as u64 };
    test_file(&mut benchmark).packed = Some(fingerprint);
    let folder = tempfile::tempdir().unwrap();
    fetch(folder.path(), &benchmark, &Hub::default()).unwrap();
    assert_eq!(fs::read(folder.path().join("set/test.jsonl")).unwrap(), content());

    test_file(&mut benchmark).pinned.as_mut().unwrap().sha256 = "00".repeat(32);
    let message = fetch(folder.path(), &benchmark, &Hub::default()).unwrap_err();
    assert!(message.contains("do not belong together"), "{message}");
    assert!(!folder.path().join("set/test.jsonl").exists());
}

const CONFIG: &[u8] = b"{\"a\": 1}\n";
const WEIGHTS: &[u8] = b"weights";

/// A model repository with one page of its file list.
fn model_server(weights: &[u8]) -> HubServer {
    let list = format!(
        r#"[{{"type":"file","oid":"{}","size":{},"path":"config.json"}},
            {{"type":"file","oid":"x","size":7,"path":"model.safetensors","lfs":{{"oid":"{}","size":7,"pointerSize":1}}}},
            {{"type":"file","oid":"x","size":9,"path":"modeling.py"}}]"#,
        git_blob(CONFIG),
        CONFIG.len(),
        files::sha256(WEIGHTS)
    );
    HubServer::start(&[
        ("api/models/owner/model/tree/abc123?recursive=true", list.into_bytes()),
        ("owner/model/resolve/abc123/config.json", CONFIG.to_vec()),
        ("owner/model/resolve/abc123/model.safetensors", weights.to_vec()),
    ])
}

fn git_blob(content: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    let hasher = Sha1::new_with_prefix(format!("blob {}\0", content.len()));
    hex::encode(hasher.chain_update(content).finalize())
}

fn snapshot(folder: &Path) -> Snapshot<'static> {
    Snapshot { repository: "owner/model", revision: "abc123", licence_page: None, folder: folder.join("models/model") }
}

#[test]
fn a_model_is_downloaded_checked_and_told_apart_from_a_damaged_one() {
    let (server, folder) = (model_server(WEIGHTS), tempfile::tempdir().unwrap());
    let snapshot = snapshot(folder.path());
    assert_eq!(snapshot.state(false).unwrap(), FileState::Absent);
    let manifest = snapshot.download(&downloader(), &server.hub(None), &mut |_| {}).unwrap();
    assert_eq!(manifest.files.len(), 2);
    assert_eq!(snapshot.state(true).unwrap(), FileState::Verified);
    assert!(!snapshot.folder.join("modeling.py").exists());
    let requests = server.seen().len();

    fs::write(snapshot.folder.join("model.safetensors"), "weightz").unwrap();
    assert_eq!(snapshot.state(false).unwrap(), FileState::Present);
    let FileState::Damaged(how) = snapshot.state(true).unwrap() else { panic!("not damaged") };
    assert!(how.contains("model.safetensors") && how.contains(&files::sha256(WEIGHTS)), "{how}");
    snapshot.download(&downloader(), &server.hub(None), &mut |_| {}).unwrap();
    assert_eq!(snapshot.state(true).unwrap(), FileState::Verified);
    assert_eq!(server.seen().len(), requests + 2, "only the list and the damaged file are asked for");
}

#[test]
fn a_changed_weight_file_is_refused_by_name_and_the_model_stays_incomplete() {
    let (server, folder) = (model_server(b"weightz"), tempfile::tempdir().unwrap());
    let snapshot = snapshot(folder.path());
    let message = snapshot.download(&downloader(), &server.hub(None), &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("model.safetensors") && message.contains(&files::sha256(WEIGHTS)), "{message}");
    assert!(!snapshot.folder.join("config.json").exists(), "config.json comes last");
    assert_eq!(snapshot.state(false).unwrap(), FileState::Absent);
}

#[test]
fn a_model_is_copied_from_a_mirror() {
    let (mirror, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let snapshot = snapshot(folder.path());
    let message = snapshot.copy(mirror.path()).unwrap_err().to_string();
    assert!(message.contains("owner/model/config.json"), "{message}");
    let place = mirror.path().join("owner/model");
    fs::create_dir_all(&place).unwrap();
    for (name, content) in [("config.json", CONFIG), ("model.safetensors", WEIGHTS), ("run.py", b"x")] {
        fs::write(place.join(name), content).unwrap();
    }
    assert_eq!(snapshot.copy(mirror.path()).unwrap().files.len(), 2);
    assert_eq!(snapshot.state(true).unwrap(), FileState::Verified);
    assert!(!snapshot.folder.join("run.py").exists());
}
