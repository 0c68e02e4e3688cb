//! The pipes of one process: frames out and in, and whatever it prints.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use ptb_sandbox::{ExitReason, Running};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::frame::{BadFrame, Frame, take_frame};

/// Most bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// A process that ended is given this time to be noticed as ended, so that its reason is its own.
const FAREWELL: Duration = Duration::from_millis(300);

/// Time between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(1);

/// A process and the pipes to it. Dropping it kills everything in its sandbox.
#[derive(Debug)]
pub(super) struct Channel {
    running: Running,
    input: Option<OwnedFd>,
    received: Vec<u8>,
    /// What was printed to the error output, where that is kept.
    errors: Option<Vec<u8>>,
    /// Whether more frames can come.
    open: bool,
    /// Whether anything still holds what the process prints to.
    noisy: bool,
}

/// Why a frame was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// The other side is gone.
    Gone,
    /// It did not read in time.
    Late,
}

/// What a process printed until its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Collected {
    /// Its output.
    pub(super) stdout: Vec<u8>,
    /// Its error output.
    pub(super) stderr: Vec<u8>,
    /// Whether one of them was longer than allowed. Then it was not read to its end.
    pub(super) is_too_long: bool,
    /// Whether the time was over before the end.
    pub(super) is_late: bool,
}

/// What a channel has for its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing yet.
    None,
    /// A message.
    Frame(Frame),
    /// Bytes that are no message.
    Bad,
    /// The end: no message will come any more.
    End,
}

impl Channel {
    /// The channel of a process that was started with a pipe as its input.
    pub(super) fn new(running: Running, input: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(pipe) = &input {
            fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { running, input, received: Vec::new(), errors: None, open: true, noisy: true })
    }

    /// The next message, without waiting.
    pub(super) fn news(&mut self) -> News {
        match take_frame(&mut self.received) {
            Ok(Some(frame)) => News::Frame(frame),
            Err(BadFrame) => News::Bad,
            Ok(None) if self.open => News::None,
            Ok(None) => News::End,
        }
    }

    /// Whether the process and all it started have let go of what they print to.
    pub(super) fn is_quiet(&self) -> bool {
        !self.noisy
    }

    /// Whether bytes have come that nobody asked for yet.
    pub(super) fn has_unread(&self) -> bool {
        !self.received.is_empty()
    }

    /// Sends a message, passing over what the process prints meanwhile.
    pub(super) fn send(&mut self, frame: &Frame, deadline: Instant) -> Result<(), Undelivered> {
        let bytes = frame.to_bytes();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let input = self.input.as_ref().ok_or(Undelivered::Gone)?;
            match rustix::io::write(input, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_to_send(deadline)?,
                Err(_) => return Err(Undelivered::Gone),
            }
        }
        Ok(())
    }

    fn wait_to_send(&mut self, deadline: Instant) -> Result<(), Undelivered> {
        let input = self.input.as_ref().ok_or(Undelivered::Gone)?;
        let mut sources = vec![PollFd::new(input, PollFlags::OUT)];
        if self.noisy {
            sources.push(PollFd::new(&self.running.stderr, PollFlags::IN));
        }
        if !wait_for(&mut sources, deadline) {
            return Err(Undelivered::Late);
        }
        if sources.get(1).is_some_and(|source| !source.revents().is_empty()) {
            self.read_noise();
        }
        Ok(())
    }

    fn sources(&self) -> impl Iterator<Item = (Stream, BorrowedFd<'_>)> {
        let frames = self.open.then(|| (Stream::Frames, self.running.stdout.as_fd()));
        let noise = self.noisy.then(|| (Stream::Noise, self.running.stderr.as_fd()));
        frames.into_iter().chain(noise)
    }

    fn read(&mut self, stream: Stream) {
        match stream {
            Stream::Frames => {
                let mut chunk = [0; CHUNK];
                let count = read(self.running.stdout.as_fd(), &mut chunk);
                self.received.extend_from_slice(&chunk[..count]);
                self.open = count > 0;
            }
            Stream::Noise => self.read_noise(),
        }
    }

    fn read_noise(&mut self) {
        let mut chunk = [0; CHUNK];
        let count = read(self.running.stderr.as_fd(), &mut chunk);
        self.noisy = count > 0;
        if let Some(errors) = &mut self.errors {
            errors.extend_from_slice(&chunk[..count]);
        }
    }

    /// Ends the input and keeps what is printed until the end, up to a limit for each output.
    pub(super) fn collect(&mut self, limit: usize, deadline: Instant) -> Collected {
        self.input = None;
        let mut stderr = self.errors.take().unwrap_or_default();
        let (mut is_late, mut is_too_long) = (false, false);
        while (self.open || self.noisy) && !is_late && !is_too_long {
            self.errors = Some(stderr);
            is_late = !wait(&mut [self], deadline);
            stderr = self.errors.take().unwrap_or_default();
            is_too_long = self.received.len() > limit || stderr.len() > limit;
        }
        Collected { stdout: std::mem::take(&mut self.received), stderr, is_too_long, is_late }
    }

    /// Ends the sandbox and says why it ended, as far as it ended by itself.
    pub(super) fn end(mut self) -> ExitReason {
        let deadline = Instant::now() + FAREWELL;
        while (self.open || self.noisy) && wait(&mut [&mut self], deadline) {
            self.received.clear();
        }
        while !self.running.has_ended() && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        self.running.stopper().kill();
        self.running.wait().reason
    }
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Frames,
    Noise,
}

/// Reads what is there. An error counts as the end.
fn read(pipe: BorrowedFd<'_>, chunk: &mut [u8]) -> usize {
    rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut *chunk)).unwrap_or(0)
}

/// Waits until one of the channels has something, and reads it. Whether that was in time.
pub(super) fn wait(channels: &mut [&mut Channel], deadline: Instant) -> bool {
    let ready: Vec<(usize, Stream)> = {
        let named: Vec<(usize, Stream, BorrowedFd<'_>)> = channels
            .iter()
            .enumerate()
            .flat_map(|(index, channel)| channel.sources().map(move |(stream, pipe)| (index, stream, pipe)))
            .collect();
        let mut sources: Vec<PollFd<'_>> =
            named.iter().map(|(_, _, pipe)| PollFd::from_borrowed_fd(*pipe, PollFlags::IN)).collect();
        if !wait_for(&mut sources, deadline) {
            return false;
        }
        let changed = named.iter().zip(&sources).filter(|(_, source)| !source.revents().is_empty());
        changed.map(|((index, stream, _), _)| (*index, *stream)).collect()
    };
    for (index, stream) in ready {
        channels[index].read(stream);
    }
    true
}

/// Waits for one of the sources. `false` when the time is over first.
fn wait_for(sources: &mut [PollFd<'_>], deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(sources, Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => return !left.is_zero(),
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
