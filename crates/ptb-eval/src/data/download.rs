//! Downloads that go on where they stopped.
//!
//! A file grows as `NAME.part` beside its place and gets its name only once its SHA-256 is the pinned one. The part file is
//! locked while it grows, so that two processes never write into one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ptb_core::files::{self, FileError, IoContext};
use thiserror::Error;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::error::{DataError, Mismatch};
use super::store::Pin;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_mins(1);
const MAX_REDIRECTS: u32 = 5;

/// Why a download failed.
#[derive(Debug, Error)]
pub enum DownloadProblem {
    /// The server answered with an error.
    #[error("the server answered {status}{}", status_advice(*.status))]
    Status {
        /// HTTP status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// The connection failed or broke.
    #[error(
        "the connection failed ({0}); what arrived is kept: run the command again, or use a mirror folder with `--from DIR`"
    )]
    Connection(String),
    /// The connection ended before the file did.
    #[error("the connection ended after {received} of {expected} bytes, which are kept: run the command again")]
    Dropped {
        /// Bytes that are here.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The server sends something other than the pinned file.
    #[error(
        "the server's file is not the pinned one: {0}. It may have moved: check the address, or use a mirror folder"
    )]
    Content(Mismatch),
    /// The server does not go on at the asked place.
    #[error("the server did not continue the file where it was asked to; the download starts over")]
    Range,
    /// The address cannot be used.
    #[error("the address does not work: {0}")]
    Address(String),
    /// Another process downloads the same file.
    #[error("another process is downloading it to {}: wait for it", .0.display())]
    Busy(PathBuf),
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn status_advice(status: u16) -> &'static str {
    match status {
        401 | 403 => ": the data set may be gated; accept its licence, then use a mirror folder with `--from DIR`",
        404 | 410 => ": the file is not there any more; correct the definition's url, or use a mirror folder",
        429 => ": it asks for fewer requests; try again later",
        500.. => ": the server has a problem; try again later",
        _ => "",
    }
}

impl DownloadProblem {
    /// Whether another try may help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::Connection(_) | Self::Dropped { .. } | Self::Range => true,
            Self::Content(_) | Self::Address(_) | Self::Busy(_) | Self::File(_) => false,
        }
    }

    fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Downloads pinned files over HTTP.
#[derive(Debug)]
pub struct Downloader {
    agent: Agent,
    tries: u32,
    pause: Duration,
}

impl Default for Downloader {
    fn default() -> Self {
        Self::new(4, Duration::from_secs(1))
    }
}

impl Downloader {
    /// A downloader that tries `tries` times; the pause doubles after each try.
    pub fn new(tries: u32, pause: Duration) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(READ_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .user_agent(concat!("ptb/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, tries, pause }
    }

    /// Downloads a pinned file to `path`; answers how many bytes an earlier try had left.
    pub(crate) fn download(&self, pin: &Pin<'_>, path: &Path, moved: &mut dyn FnMut(u64)) -> Result<u64, DataError> {
        self.download_part(pin, path, moved).map_err(|problem| match problem {
            DownloadProblem::File(error) => DataError::File(error),
            problem => DataError::Download { url: pin.url.to_owned(), problem },
        })
    }

    fn download_part(&self, pin: &Pin<'_>, path: &Path, moved: &mut dyn FnMut(u64)) -> Result<u64, DownloadProblem> {
        let mut part = Part::open(path)?;
        let resumed_at = part.length()?;
        let mut pause = self.pause;
        let mut tries_left = self.tries;
        while let Err(problem) = self.try_once(pin, &mut part, moved) {
            tries_left = tries_left.saturating_sub(1);
            if tries_left == 0 || !problem.may_pass() {
                return Err(problem);
            }
            thread::sleep(problem.asked_pause().unwrap_or(pause).min(MAX_PAUSE));
            pause *= 2;
        }
        part.publish(pin, path)?;
        Ok(resumed_at)
    }

    fn try_once(&self, pin: &Pin<'_>, part: &mut Part, moved: &mut dyn FnMut(u64)) -> Result<(), DownloadProblem> {
        let mut have = part.length()?;
        if have > pin.bytes {
            part.start_over()?;
            have = 0;
        }
        if have == pin.bytes {
            return Ok(());
        }
        let mut response = self.request(pin.url, have)?;
        let start = body_start(&response, pin, have)?;
        if start != Some(have) {
            part.start_over()?;
        }
        let start = start.ok_or(DownloadProblem::Range)?;
        part.append(response.body_mut().as_reader(), start, pin.bytes, moved)
    }

    fn request(&self, url: &str, have: u64) -> Result<Response<Body>, DownloadProblem> {
        let request = self.agent.get(url);
        let request = if have > 0 { request.header("Range", format!("bytes={have}-")) } else { request };
        request.call().map_err(|error| match error {
            ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => {
                DownloadProblem::Connection(error.to_string())
            }
            error => DownloadProblem::Address(error.to_string()),
        })
    }
}

/// Where in the file the response's body begins; none where the server does not go on at `have`.
fn body_start(response: &Response<Body>, pin: &Pin<'_>, have: u64) -> Result<Option<u64>, DownloadProblem> {
    let wrong_size = |found| DownloadProblem::Content(Mismatch::Size { expected: pin.bytes, found });
    match response.status() {
        StatusCode::OK => match response.body().content_length() {
            Some(found) if found != pin.bytes => Err(wrong_size(found)),
            _ => Ok(Some(0)),
        },
        StatusCode::PARTIAL_CONTENT => match content_range(response) {
            Some((_, total)) if total != pin.bytes => Err(wrong_size(total)),
            Some((start, _)) if start == have => Ok(Some(start)),
            _ => Ok(None),
        },
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(None),
        status => Err(DownloadProblem::Status { status: status.as_u16(), retry_after: retry_after(response) }),
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// First byte and total size of `Content-Range: bytes FIRST-LAST/TOTAL`.
fn content_range(response: &Response<Body>) -> Option<(u64, u64)> {
    let (range, total) = header(response, "Content-Range")?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    header(response, "Retry-After")?.trim().parse().ok().map(Duration::from_secs)
}

/// The growing, locked part file.
struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    fn open(target: &Path) -> Result<Self, DownloadProblem> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_path("create", folder)?;
        }
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.with_path("write", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(DownloadProblem::Busy(path)),
            Err(TryLockError::Error(error)) => Err(FileError::new("lock", &path, error).into()),
        }
    }

    fn length(&self) -> Result<u64, FileError> {
        Ok(self.file.metadata().with_path("read", &self.path)?.len())
    }

    fn start_over(&mut self) -> Result<(), FileError> {
        self.file.set_len(0).with_path("write", &self.path)
    }

    /// Writes a body from `start` on; at most `total` bytes are in the file afterwards.
    fn append(
        &mut self,
        mut body: impl Read,
        start: u64,
        total: u64,
        moved: &mut dyn FnMut(u64),
    ) -> Result<(), DownloadProblem> {
        self.file.seek(SeekFrom::Start(start)).with_path("write", &self.path)?;
        let mut received = start;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match body.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) if received < total => {
                    return Err(DownloadProblem::Dropped { received, expected: total });
                }
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) => count,
            };
            received += count as u64;
            if received > total {
                self.start_over()?;
                return Err(DownloadProblem::Content(Mismatch::Size { expected: total, found: received }));
            }
            self.file.write_all(&buffer[..count]).with_path("write", &self.path)?;
            moved(received);
        }
    }

    /// Gives the file its name if it is the pinned one; else removes it, so that the next try starts afresh.
    fn publish(self, pin: &Pin<'_>, target: &Path) -> Result<(), DownloadProblem> {
        self.file.sync_all().with_path("write", &self.path)?;
        let found = files::sha256_file(&self.path)?;
        if found != pin.sha256 {
            files::remove_all(&self.path)?;
            let mismatch = Mismatch::Hash { expected: pin.sha256.to_owned(), found };
            return Err(DownloadProblem::Content(mismatch));
        }
        Ok(files::publish(&self.path, target)?)
    }
}
