//! Downloads that go on where they stopped.
//!
//! A file grows as `NAME.part` beside its place and gets its name only once its hash is the expected one. The part file is
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

use super::digest::Digest;
use super::error::{DataError, Mismatch};
use crate::hub::TOKEN_VARIABLE;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_mins(1);
const MAX_REDIRECTS: u32 = 5;
/// Largest file whose size nobody pinned, in bytes.
const MAX_UNPINNED: u64 = 1 << 30;
/// Largest answer that is read into memory, in bytes.
const MAX_DOCUMENT: u64 = 16 << 20;

/// A file that is wanted, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a str,
    /// Its size, where it is pinned.
    pub(crate) bytes: Option<u64>,
    /// Its hash, where it is pinned.
    pub(crate) digest: Option<&'a Digest>,
    /// Access token for the server of `url`.
    pub(crate) token: Option<&'a str>,
    /// The page on which the licence of a gated file is accepted.
    pub(crate) licence_page: Option<&'a str>,
}

/// A file that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// Bytes that an earlier try had left.
    pub(crate) resumed_at: u64,
}

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
    /// The server gives the file only to accounts that accepted its licence.
    #[error(
        "the server answered {status}: accept the licence on {licence_page} with your account, then set {TOKEN_VARIABLE} to \
         an access token of that account ({})", token_state(*.with_token)
    )]
    Gated {
        /// HTTP status.
        status: u16,
        /// Where the licence is accepted.
        licence_page: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The connection failed or broke.
    #[error(
        "the connection failed ({0}); what arrived is kept: run the command again, or use a mirror folder with `--from DIR`"
    )]
    Connection(String),
    /// The connection ended before the file did.
    #[error("the connection ended after {received} of {} bytes, which are kept: run the command again", total(*.expected))]
    Dropped {
        /// Bytes that are here.
        received: u64,
        /// Bytes of the whole file, where they are known.
        expected: Option<u64>,
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

fn total(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "an unknown number of".to_owned(), |bytes| bytes.to_string())
}

fn token_state(with_token: bool) -> &'static str {
    if with_token { "the token that is set was refused" } else { "it is not set" }
}

fn status_advice(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            ": it may be gated: accept its licence on its page and set HF_TOKEN to an access token, or use a mirror folder \
             with `--from DIR`"
        }
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
            Self::Gated { .. } | Self::Content(_) | Self::Address(_) | Self::Busy(_) | Self::File(_) => false,
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

    /// Downloads a file to `path`; `moved` hears how many bytes are here, and of how many as soon as that is known.
    pub(crate) fn download(
        &self,
        wanted: &Wanted<'_>,
        path: &Path,
        moved: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<Arrived, DataError> {
        self.download_part(wanted, path, moved).map_err(|problem| failed(wanted.url, problem))
    }

    /// The answer to a request, read into memory, and the address of its next page.
    pub(crate) fn document(&self, wanted: &Wanted<'_>) -> Result<(Vec<u8>, Option<String>), DataError> {
        let read = || {
            let mut response = self.request(wanted, 0)?;
            check_status(&response, wanted)?;
            let next = header(&response, "Link").and_then(next_page).map(str::to_owned);
            let body = response.body_mut().with_config().limit(MAX_DOCUMENT).read_to_vec();
            Ok((body.map_err(|error| DownloadProblem::Connection(error.to_string()))?, next))
        };
        self.again_and_again(read).map_err(|problem| failed(wanted.url, problem))
    }

    fn download_part(
        &self,
        wanted: &Wanted<'_>,
        path: &Path,
        moved: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<Arrived, DownloadProblem> {
        let mut part = Part::open(path)?;
        let resumed_at = part.length()?;
        self.again_and_again(|| self.try_once(wanted, &mut part, moved))?;
        part.publish(wanted.digest, path)?;
        Ok(Arrived { resumed_at })
    }

    /// Tries until it works, may not work later either, or was tried often enough.
    fn again_and_again<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, DownloadProblem>,
    ) -> Result<T, DownloadProblem> {
        let mut pause = self.pause;
        let mut tries_left = self.tries;
        loop {
            let problem = match attempt() {
                Ok(value) => return Ok(value),
                Err(problem) => problem,
            };
            tries_left = tries_left.saturating_sub(1);
            if tries_left == 0 || !problem.may_pass() {
                return Err(problem);
            }
            thread::sleep(problem.asked_pause().unwrap_or(pause).min(MAX_PAUSE));
            pause *= 2;
        }
    }

    fn try_once(
        &self,
        wanted: &Wanted<'_>,
        part: &mut Part,
        moved: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), DownloadProblem> {
        let mut have = part.length()?;
        if wanted.bytes.is_some_and(|bytes| have > bytes) {
            part.start_over()?;
            have = 0;
        }
        if wanted.bytes == Some(have) {
            return Ok(());
        }
        let mut response = self.request(wanted, have)?;
        let Some(body) = body_of(&response, wanted, have)? else {
            part.start_over()?;
            return Err(DownloadProblem::Range);
        };
        if body.start != have {
            part.start_over()?;
        }
        part.append(response.body_mut().as_reader(), &body, moved)
    }

    fn request(&self, wanted: &Wanted<'_>, have: u64) -> Result<Response<Body>, DownloadProblem> {
        let mut request = self.agent.get(wanted.url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        if let Some(token) = wanted.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call().map_err(|error| match error {
            ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => {
                DownloadProblem::Connection(error.to_string())
            }
            error => DownloadProblem::Address(error.to_string()),
        })
    }
}

fn failed(url: &str, problem: DownloadProblem) -> DataError {
    match problem {
        DownloadProblem::File(error) => DataError::File(error),
        problem => DataError::Download { url: url.to_owned(), problem },
    }
}

/// The part of a file that a response's body is.
struct BodyPart {
    /// Its first byte.
    start: u64,
    /// Size of the whole file, where it is known.
    total: Option<u64>,
}

/// Which part of the file the response's body is; none where the server does not go on at `have`.
fn body_of(response: &Response<Body>, wanted: &Wanted<'_>, have: u64) -> Result<Option<BodyPart>, DownloadProblem> {
    let (start, total) = match response.status() {
        StatusCode::OK => (0, response.body().content_length()),
        StatusCode::PARTIAL_CONTENT => match content_range(response) {
            Some((start, total)) if start == have || wanted.bytes.is_some_and(|bytes| bytes != total) => {
                (start, Some(total))
            }
            _ => return Ok(None),
        },
        StatusCode::RANGE_NOT_SATISFIABLE => return Ok(None),
        _ => return check_status(response, wanted).map(|()| None),
    };
    match (wanted.bytes, total) {
        (Some(expected), Some(found)) if found != expected => {
            Err(DownloadProblem::Content(Mismatch::Size { expected, found }))
        }
        (expected, total) => Ok(Some(BodyPart { start, total: expected.or(total) })),
    }
}

fn check_status(response: &Response<Body>, wanted: &Wanted<'_>) -> Result<(), DownloadProblem> {
    let status = response.status();
    match wanted.licence_page {
        _ if status.is_success() => Ok(()),
        Some(page) if matches!(status.as_u16(), 401 | 403) => Err(DownloadProblem::Gated {
            status: status.as_u16(),
            licence_page: page.to_owned(),
            with_token: wanted.token.is_some(),
        }),
        _ => Err(DownloadProblem::Status { status: status.as_u16(), retry_after: retry_after(response) }),
    }
}

/// The address of the next page in a `Link` header.
fn next_page(link: &str) -> Option<&str> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    Some(next.split_once('<')?.1.split_once('>')?.0)
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

    /// Writes a part of the file to its place.
    fn append(
        &mut self,
        mut body: impl Read,
        place: &BodyPart,
        moved: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<(), DownloadProblem> {
        self.file.seek(SeekFrom::Start(place.start)).with_path("write", &self.path)?;
        let most = place.total.unwrap_or(MAX_UNPINNED);
        let mut received = place.start;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match body.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) if place.total.is_none() => return Ok(()),
                Ok(0) | Err(_) if received < most => {
                    return Err(DownloadProblem::Dropped { received, expected: place.total });
                }
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) => count,
            };
            received += count as u64;
            if received > most {
                self.start_over()?;
                return Err(DownloadProblem::Content(Mismatch::Size { expected: most, found: received }));
            }
            self.file.write_all(&buffer[..count]).with_path("write", &self.path)?;
            moved(received, place.total);
        }
    }

    /// Gives the file its name if it is the expected one; else removes it, so that the next try starts afresh.
    fn publish(self, digest: Option<&Digest>, target: &Path) -> Result<(), DownloadProblem> {
        self.file.sync_all().with_path("write", &self.path)?;
        if let Some(mismatch) = digest.map(|digest| digest.check(&self.path)).transpose()?.flatten() {
            files::remove_all(&self.path)?;
            return Err(DownloadProblem::Content(mismatch));
        }
        Ok(files::publish(&self.path, target)?)
    }
}
