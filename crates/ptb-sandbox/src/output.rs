//! Reading what the program writes.

use std::io::{self, Read};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::retry_on_intr;

/// Most bytes that are still read after the sandbox ended: what a pipe can hold at most without special rights.
const REST: usize = 1024 * 1024;

/// One output stream of the program.
///
/// It ends when the sandbox ends, even if something outside still holds the other end. Bytes that were written before are
/// all delivered. A program whose output nobody reads waits, and still ends at its deadline.
#[derive(Debug)]
pub struct OutputReader {
    pipe: OwnedFd,
    /// Hangs up when the sandbox has ended.
    ended: OwnedFd,
    rest: Option<usize>,
}

impl OutputReader {
    pub(crate) fn new(pipe: OwnedFd, ended: OwnedFd) -> Self {
        Self { pipe, ended, rest: None }
    }

    /// Waits for bytes, or for the end of the sandbox. Whether there are bytes, or at least an end to read.
    fn wait(&mut self) -> io::Result<bool> {
        loop {
            let mut sources = [PollFd::new(&self.pipe, PollFlags::IN), PollFd::new(&self.ended, PollFlags::IN)];
            retry_on_intr(|| poll(&mut sources, None))?;
            let (readable, ended) = (!sources[0].revents().is_empty(), !sources[1].revents().is_empty());
            if ended && self.rest.is_none() {
                // Bytes may have come between the two answers of the kernel.
                self.rest = Some(REST);
                continue;
            }
            if readable || ended {
                return Ok(readable);
            }
        }
    }
}

impl AsFd for OutputReader {
    /// The pipe, to wait for several streams at once.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Read for OutputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || !self.wait()? {
            return Ok(0);
        }
        let length = buffer.len().min(self.rest.unwrap_or(usize::MAX));
        let read = retry_on_intr(|| rustix::io::read(&self.pipe, &mut buffer[..length]))?;
        self.rest = self.rest.map(|rest| rest - read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaked_writer_does_not_keep_the_reader_waiting() {
        let (pipe, writer) = rustix::pipe::pipe().expect("a pipe");
        let (ended, end) = rustix::pipe::pipe().expect("a pipe");
        rustix::io::write(&writer, b"last words").expect("written");
        drop(end);
        let mut text = String::new();
        OutputReader::new(pipe, ended).read_to_string(&mut text).expect("read");
        assert_eq!(text, "last words");
        drop(writer);
    }

    #[test]
    fn a_leaked_writer_that_goes_on_is_cut_off() {
        let (pipe, writer) = rustix::pipe::pipe().expect("a pipe");
        let (ended, end) = rustix::pipe::pipe().expect("a pipe");
        drop(end);
        let flood = std::thread::spawn(move || while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {});
        let mut bytes = Vec::new();
        let mut reader = OutputReader::new(pipe, ended);
        reader.read_to_end(&mut bytes).expect("read");
        assert!(bytes.len() <= REST);
        drop(reader);
        flood.join().expect("the writer ends with the reader");
    }
}
