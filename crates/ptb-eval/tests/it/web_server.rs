//! A web server on this machine that plays back one scripted reply for each connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server does with a connection.
#[derive(Clone)]
pub enum Reply {
    /// Sends these bytes and closes.
    Raw(Vec<u8>),
    /// Serves the file, from the asked byte on.
    File(Vec<u8>),
    /// Serves the whole file whatever was asked.
    WholeFile(Vec<u8>),
    /// Promises the rest of the file and breaks off after so many bytes.
    Dropped(Vec<u8>, usize),
}

pub struct WebServer {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl WebServer {
    /// Starts a server that gives the replies in order, the last one again and again.
    pub fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let reply = replies[number.min(replies.len() - 1)].clone();
                let request = answer(stream.unwrap(), &reply);
                seen.lock().unwrap().push(request);
            }
        });
        Self { address, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub fn status(line: &str, headers: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {line}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes())
}

fn answer(mut stream: TcpStream, reply: &Reply) -> String {
    let head = read_head(&stream);
    let bytes = match reply {
        Reply::Raw(bytes) => bytes.clone(),
        Reply::File(file) => part_of(file, range_start(&head)),
        Reply::WholeFile(file) => part_of(file, None),
        Reply::Dropped(file, count) => {
            let start = range_start(&head);
            let whole = part_of(file, start);
            let body = file.len() - start.unwrap_or(0);
            whole[..whole.len() - body + count].to_vec()
        }
    };
    // The client may have hung up.
    let _ = stream.write_all(&bytes);
    head
}

fn read_head(stream: &TcpStream) -> String {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while reader.read_line(&mut head).unwrap_or(0) > 0 && !head.ends_with("\r\n\r\n") {}
    head.to_lowercase()
}

fn range_start(head: &str) -> Option<usize> {
    let (_, range) = head.split_once("range: bytes=")?;
    range.split_once('-')?.0.parse().ok()
}

fn part_of(file: &[u8], start: Option<usize>) -> Vec<u8> {
    let (status, start) = match start {
        Some(start) if start >= file.len() => {
            return b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        }
        Some(start) => {
            (format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", file.len() - 1, file.len()), start)
        }
        None => ("200 OK".to_owned(), 0),
    };
    let length = file.len() - start;
    let mut bytes = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(&file[start..]);
    bytes
}
