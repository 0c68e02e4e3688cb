//! Downloads against a web server on this machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ptb_core::definitions::BenchmarkDefinition;
use ptb_core::files;
use ptb_eval::data::{DataError, DataStore, Downloader, FetchAction, FetchReport, Source};
use ptb_eval::hub::Hub;

use crate::data::{benchmark_with, content};
use crate::web_server::{Reply, WebServer, status};

fn benchmark(server: &WebServer, content: &[u8]) -> BenchmarkDefinition {
    benchmark_with(&server.url("test.jsonl"), &files::sha256(content), content.len() as u64, 100)
}

fn fetch(root: &Path, benchmark: &BenchmarkDefinition) -> Result<FetchReport, DataError> {
    let downloader = Downloader::new(3, Duration::from_millis(1));
    let reports = DataStore::at(root).fetch([benchmark], Source::Network(&downloader, &Hub::default()), &mut |_| {})?;
    Ok(reports.into_iter().next().unwrap())
}

/// Message of a failed fetch from a server with these replies, and how many requests it took.
fn failure(replies: Vec<Reply>) -> (String, usize) {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::start(replies);
    let error = fetch(folder.path(), &benchmark(&server, &content())).unwrap_err();
    assert!(!folder.path().join("set/test.jsonl").exists(), "a file that is not the pinned one gets no name");
    (error.to_string(), server.requests().len())
}

#[test]
fn a_file_is_downloaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::start(vec![Reply::File(content())]);
    let benchmark = benchmark(&server, &content());
    assert_eq!(fetch(folder.path(), &benchmark).unwrap().action, FetchAction::Downloaded { resumed_at: 0 });
    assert_eq!(fetch(folder.path(), &benchmark).unwrap().action, FetchAction::AlreadyThere);
    assert_eq!(fs::read(folder.path().join("set/test.jsonl")).unwrap(), content());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_dropped_connection_is_taken_up_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        WebServer::start(vec![Reply::Dropped(content(), 700), Reply::Dropped(content(), 300), Reply::File(content())]);
    fetch(folder.path(), &benchmark(&server, &content())).unwrap();
    let requests = server.requests();
    assert!(requests[1].contains("range: bytes=700-") && requests[2].contains("range: bytes=1000-"), "{requests:?}");
    assert_eq!(fs::read(folder.path().join("set/test.jsonl")).unwrap(), content());
}

#[test]
fn a_later_command_goes_on_where_an_earlier_one_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::start(vec![
        Reply::Dropped(content(), 700),
        Reply::Dropped(content(), 0),
        Reply::Dropped(content(), 0),
        Reply::File(content()),
    ]);
    let benchmark = benchmark(&server, &content());
    let message = fetch(folder.path(), &benchmark).unwrap_err().to_string();
    assert!(message.contains("700 of") && message.contains("run the command again"), "{message}");
    assert_eq!(fetch(folder.path(), &benchmark).unwrap().action, FetchAction::Downloaded { resumed_at: 700 });
}

#[test]
fn a_server_without_ranges_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::start(vec![Reply::Dropped(content(), 700), Reply::WholeFile(content())]);
    fetch(folder.path(), &benchmark(&server, &content())).unwrap();
    assert_eq!(fs::read(folder.path().join("set/test.jsonl")).unwrap(), content());
}

#[test]
fn a_damaged_part_is_thrown_away_after_one_download() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/test.jsonl.part"), vec![b'x'; 500]).unwrap();
    let server = WebServer::start(vec![Reply::File(content())]);
    let benchmark = benchmark(&server, &content());
    let message = fetch(folder.path(), &benchmark).unwrap_err().to_string();
    assert!(message.contains(&files::sha256(&content())), "{message}");
    assert_eq!(fetch(folder.path(), &benchmark).unwrap().action, FetchAction::Downloaded { resumed_at: 0 });
}

#[test]
fn a_part_that_is_too_long_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/test.jsonl.part"), vec![b'x'; 50_000]).unwrap();
    let server = WebServer::start(vec![Reply::File(content())]);
    fetch(folder.path(), &benchmark(&server, &content())).unwrap();
}

#[test]
fn wrong_content_is_refused_with_both_hashes() {
    let mut other = content();
    other[5] ^= 1;
    let (message, requests) = failure(vec![Reply::File(other.clone())]);
    assert!(message.contains(&files::sha256(&other)) && message.contains(&files::sha256(&content())), "{message}");
    assert_eq!(requests, 1);
}

#[test]
fn a_file_of_another_size_is_refused_before_it_is_read() {
    let (message, requests) = failure(vec![Reply::File(vec![b'x'; 3])]);
    assert!(message.contains("3 bytes instead of"), "{message}");
    assert_eq!(requests, 1);
    let endless = Reply::Raw([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 100_000]].concat());
    assert!(failure(vec![endless]).0.contains("bytes instead of"));
}

#[test]
fn a_missing_file_is_not_asked_for_again() {
    let (message, requests) = failure(vec![status("404 Not Found", "")]);
    assert!(message.contains("404") && message.contains("mirror folder"), "{message}");
    assert_eq!(requests, 1);
    assert!(failure(vec![status("403 Forbidden", "")]).0.contains("licence"));
}

#[test]
fn a_struggling_server_is_asked_again() {
    let (message, requests) = failure(vec![status("500 Internal Server Error", "")]);
    assert!(message.contains("500"), "{message}");
    assert_eq!(requests, 3);
    let folder = tempfile::tempdir().unwrap();
    let busy = status("429 Too Many Requests", "Retry-After: 0\r\n");
    let server = WebServer::start(vec![busy, status("503 Service Unavailable", ""), Reply::File(content())]);
    fetch(folder.path(), &benchmark(&server, &content())).unwrap();
}

#[test]
fn endless_redirects_end() {
    let (message, requests) = failure(vec![status("302 Found", "Location: /test.jsonl\r\n")]);
    assert!(message.contains("redirects"), "{message}");
    assert!(requests <= 7, "{requests}");
}

#[test]
fn one_redirect_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::start(vec![status("302 Found", "Location: /elsewhere\r\n"), Reply::File(content())]);
    fetch(folder.path(), &benchmark(&server, &content())).unwrap();
    assert!(server.requests()[1].starts_with("get /elsewhere"));
}

#[test]
fn an_unreachable_server_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark_with("http://127.0.0.1:1/test.jsonl", "00", 5, 1);
    let message = fetch(folder.path(), &benchmark).unwrap_err().to_string();
    assert!(message.contains("http://127.0.0.1:1/test.jsonl") && message.contains("--from DIR"), "{message}");
}

#[test]
fn a_file_that_another_process_downloads_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    let part = fs::File::create(folder.path().join("set/test.jsonl.part")).unwrap();
    part.lock().unwrap();
    let server = WebServer::start(vec![Reply::File(content())]);
    let message = fetch(folder.path(), &benchmark(&server, &content())).unwrap_err().to_string();
    assert!(message.contains("another process"), "{message}");
}

#[test]
fn progress_reaches_the_whole_size() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::start(vec![Reply::File(content())]);
    let mut last = (0, None);
    let source = &Downloader::default();
    DataStore::at(folder.path())
        .fetch([&benchmark(&server, &content())], Source::Network(source, &Hub::default()), &mut |progress| {
            last = (progress.done, progress.total);
        })
        .unwrap();
    assert_eq!(last, (content().len() as u64, Some(content().len() as u64)));
}
