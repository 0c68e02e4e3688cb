//! A judge that finds every criterion met, for whoever has its key.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The running server; it ends with the test's process.
pub struct JudgeServer {
    pub url: String,
    verdicts: Arc<AtomicUsize>,
}

impl JudgeServer {
    pub fn start(key: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let verdicts = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&verdicts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                thread::spawn(move || while answer(&stream, key, &counter).is_some() {});
            }
        });
        Self { url, verdicts }
    }

    /// How many verdicts it gave.
    pub fn verdicts(&self) -> usize {
        self.verdicts.load(Ordering::SeqCst)
    }
}

/// Answers one request; none when the connection has ended.
fn answer(mut stream: &TcpStream, key: &str, verdicts: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
    reader.read_exact(&mut vec![0; length]).ok()?;
    let (status, body) = if head.contains(&format!("Bearer {key}\r\n")) {
        verdicts.fetch_add(1, Ordering::SeqCst);
        let verdict = r#"{\"explanation\": \"it says so\", \"criteria_met\": true}"#;
        let usage = r#"{"prompt_tokens": 1000, "completion_tokens": 100}"#;
        (200, format!(r#"{{"choices": [{{"message": {{"content": "{verdict}"}}}}], "usage": {usage}}}"#))
    } else {
        (401, format!(r#"{{"error": {:?}}}"#, head.replace(['\r', '\n'], " ")))
    };
    write!(stream, "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()
}
