//! Messages of the sandbox's first process to its supervisor, and orders back.

use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};

/// Order: the program may start.
pub(crate) const START: u8 = b's';
/// Order: ask every process to end.
pub(crate) const TERMINATE: u8 = b't';
/// Order: end every process now.
pub(crate) const KILL: u8 = b'k';

/// Size of a message; small enough that a pipe takes it whole.
const SIZE: usize = 12;

/// What the first process reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// All steps are done; it waits for [`START`].
    Ready,
    /// A step failed.
    StepFailed { step: u32, errno: i32 },
    /// An overlay was refused and is a read-only mount now.
    OverlayRefused { step: u32, errno: i32 },
    /// The program runs.
    Started,
    /// The program could not be started.
    StartFailed { stage: StartStage, errno: i32 },
    /// The program ended, with this wait status.
    Ended { status: i32 },
    /// No process is left.
    AllGone,
}

/// What the second process does before it is the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum StartStage {
    /// A process for it.
    Process,
    /// The limits of its control group.
    ControlGroup,
    /// Its own view on control groups.
    GroupNamespace,
    /// Its input and output.
    Streams,
    /// Limits on it alone.
    Limits,
    /// Its folder.
    Folder,
    /// Capabilities.
    Rights,
    /// The system call filter.
    Filter,
    /// The program itself.
    Program,
}

impl StartStage {
    const ALL: [Self; 9] = [
        Self::Process,
        Self::ControlGroup,
        Self::GroupNamespace,
        Self::Streams,
        Self::Limits,
        Self::Folder,
        Self::Rights,
        Self::Filter,
        Self::Program,
    ];

    /// The stage in words that read well after "while trying to".
    pub(crate) fn words(self) -> &'static str {
        match self {
            StartStage::Process => "create its process",
            StartStage::ControlGroup => "enter its control group",
            StartStage::GroupNamespace => "hide the other control groups",
            StartStage::Streams => "connect its input and output",
            StartStage::Limits => "set its limits",
            StartStage::Folder => "enter its folder",
            StartStage::Rights => "give up capabilities",
            StartStage::Filter => "install the system call filter",
            StartStage::Program => "execute it",
        }
    }
}

impl Message {
    fn fields(self) -> (u32, u32, i32) {
        match self {
            Message::Ready => (0, 0, 0),
            Message::StepFailed { step, errno } => (1, step, errno),
            Message::OverlayRefused { step, errno } => (2, step, errno),
            Message::Started => (3, 0, 0),
            Message::StartFailed { stage, errno } => (4, stage as u32, errno),
            Message::Ended { status } => (5, 0, status),
            Message::AllGone => (6, 0, 0),
        }
    }

    fn from_fields(kind: u32, first: u32, second: i32) -> Option<Self> {
        Some(match kind {
            0 => Message::Ready,
            1 => Message::StepFailed { step: first, errno: second },
            2 => Message::OverlayRefused { step: first, errno: second },
            3 => Message::Started,
            4 => Message::StartFailed { stage: *StartStage::ALL.get(first as usize)?, errno: second },
            5 => Message::Ended { status: second },
            6 => Message::AllGone,
            _ => return None,
        })
    }

    /// Sends it; a reader that is gone does not matter, because then this process ends anyway.
    pub(crate) fn send(self, pipe: &OwnedFd) {
        let (kind, first, second) = self.fields();
        let mut bytes = [0; SIZE];
        for (place, word) in bytes.chunks_exact_mut(4).zip([kind, first, second.cast_unsigned()]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let _ = io::retry_on_intr(|| io::write(pipe, &bytes));
    }

    /// Waits for the next one. `None` is the end of the sender, or something that is no message.
    pub(crate) fn receive(pipe: &OwnedFd) -> Result<Option<Self>, Errno> {
        let mut bytes = [0; SIZE];
        if io::retry_on_intr(|| io::read(pipe, &mut bytes))? != SIZE {
            return Ok(None);
        }
        let mut words = [0_u32; 3];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_le_bytes(place.try_into().unwrap_or_default());
        }
        let [kind, first, second] = words;
        Ok(Self::from_fields(kind, first, second.cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_arrives_as_it_was_sent() {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let mut messages = vec![
            Message::Ready,
            Message::StepFailed { step: 7, errno: 1 },
            Message::OverlayRefused { step: 8, errno: 22 },
            Message::Started,
            Message::Ended { status: 9 },
            Message::AllGone,
        ];
        messages.extend(StartStage::ALL.map(|stage| Message::StartFailed { stage, errno: 2 }));
        for message in messages {
            message.send(&writer);
            assert_eq!(Message::receive(&reader), Ok(Some(message)));
        }
        drop(writer);
        assert_eq!(Message::receive(&reader), Ok(None));
    }
}
