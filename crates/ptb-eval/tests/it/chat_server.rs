//! A server that answers as a test tells it to, on every connection at the same time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// Counted from 0.
    pub number: usize,
    /// Request line and headers in lower case.
    pub head: String,
    /// The body, null where it is no JSON.
    pub body: Value,
}

impl Received {
    /// The text of the last message.
    pub fn question(&self) -> &str {
        let messages = self.body["messages"].as_array().expect("messages");
        messages.last().and_then(|message| message["content"].as_str()).expect("a text")
    }
}

/// What the server does about a request.
pub enum Act {
    /// Status, further header lines, body.
    Reply(u16, &'static str, Vec<u8>),
    /// The same after a while.
    Later(Duration, Box<Act>),
    /// Sends these bytes and hangs up.
    Raw(Vec<u8>),
    /// Sends so many bytes of a reply that goes on and on.
    Flood(usize),
    /// Says nothing for a minute.
    Stall,
}

impl Act {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Reply(status, "", body.to_string().into_bytes())
    }

    /// An ordinary answer.
    pub fn says(text: &str) -> Self {
        let choice = json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
        Self::json(200, &json!({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}))
    }

    pub fn after(self, pause: Duration) -> Self {
        Self::Later(pause, Box::new(self))
    }
}

type Script = dyn Fn(&Received) -> Act + Send + Sync;

/// The running server; it ends with the test's process.
pub struct ChatServer {
    pub url: String,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl ChatServer {
    pub fn start(script: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"), script)
    }

    pub fn on(listener: TcpListener, script: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Self {
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            script: Box::new(script),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                state.connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || state.converse(&stream));
            }
        });
        Self { url, state }
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("no panic").clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The most requests that waited for an answer at one time.
    pub fn most_open(&self) -> usize {
        self.state.most_open.load(Ordering::SeqCst)
    }
}

impl State {
    fn converse(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        while let Some(received) = self.receive(&mut reader) {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_open.fetch_max(open, Ordering::SeqCst);
            let act = (self.script)(&received);
            let stays = perform(stream, act);
            self.open.fetch_sub(1, Ordering::SeqCst);
            if !stays {
                return;
            }
        }
    }

    fn receive(&self, reader: &mut BufReader<TcpStream>) -> Option<Received> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let mut all = self.received.lock().expect("no panic");
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let received = Received { number: all.len(), head, body };
        all.push(received.clone());
        Some(received)
    }
}

/// Whether the connection stays open.
fn perform(mut stream: &TcpStream, act: Act) -> bool {
    match act {
        Act::Reply(status, headers, body) => {
            let head = format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat()).is_ok()
        }
        Act::Later(pause, act) => {
            thread::sleep(pause);
            perform(stream, *act)
        }
        Act::Raw(bytes) => {
            // The client may have hung up.
            let _ = stream.write_all(&bytes);
            false
        }
        Act::Flood(mut bytes) => {
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").as_bytes());
            while bytes > 0 && stream.write_all(&[b'x'; 8192][..bytes.min(8192)]).is_ok() {
                bytes -= bytes.min(8192);
            }
            false
        }
        Act::Stall => {
            thread::sleep(Duration::from_mins(1));
            false
        }
    }
}
