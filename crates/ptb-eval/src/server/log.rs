//! A server's output: kept in a file, its end also in memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Last bytes that are kept in memory.
const TAIL: usize = 64 << 10;
/// Most bytes that go to the file: a server that floods its log does not fill the disk.
const FILE: u64 = 256 << 20;
/// Last lines that are shown.
const SHOWN: usize = 20;
/// Longest line that is shown.
const LINE: usize = 400;

/// The output of one server process.
#[derive(Debug, Clone)]
pub(super) struct ServerLog(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    file: File,
    room: u64,
    tail: VecDeque<u8>,
}

impl ServerLog {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(Kept { file, room: FILE, tail: VecDeque::new() })))
    }

    /// Keeps what comes from a stream, on a thread of its own, until the stream ends.
    pub(super) fn follow(&self, mut stream: impl Read + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        let log = self.clone();
        thread::Builder::new().name("ptb-server-log".to_owned()).spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                log.add(&buffer[..count]);
            }
        })
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = &bytes[..bytes.len().min(usize::try_from(kept.room).unwrap_or(usize::MAX))];
        kept.room -= written.len() as u64;
        // A full disk must not stop the server; what matters is in the tail.
        let _ = kept.file.write_all(written);
        kept.tail.extend(bytes);
        let excess = kept.tail.len().saturating_sub(TAIL);
        kept.tail.drain(..excess);
    }

    /// The end of the output.
    pub(super) fn tail(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines, indented, for a message.
    pub(super) fn last_lines(&self) -> String {
        let tail = self.tail();
        let lines: Vec<_> = tail.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let shown = lines[lines.len().saturating_sub(SHOWN)..].iter();
        shown.flat_map(|line| ["\n    ".to_owned(), plain(line)]).collect()
    }

    /// The last line, for showing progress.
    pub(super) fn last_line(&self) -> String {
        self.tail().lines().rev().map(plain).find(|line| !line.trim().is_empty()).unwrap_or_default()
    }
}

/// A line that does nothing to a terminal.
fn plain(line: &str) -> String {
    line.chars().filter(|char| !char.is_control()).take(LINE).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_end_of_a_long_output_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = ServerLog::new(File::create(&path).unwrap());
        let output = (0..100_000).map(|number| format!("line {number}\u{1b}[0m\r\n")).collect::<Vec<_>>().concat();
        log.follow(std::io::Cursor::new(output.clone())).unwrap().join().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), output);
        assert_eq!(log.last_line(), "line 99999[0m");
        assert_eq!((log.last_lines().lines().count(), log.tail().len()), (SHOWN + 1, TAIL));
    }
}
