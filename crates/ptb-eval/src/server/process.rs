//! One process of a server, from its start to its end.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use ptb_core::files::{self, IoContext};
use ptb_sandbox::{Exit, ExitReason, Isolation, SandboxSpec, Stopper, Waiter, spawn};
use tempfile::TempDir;
use tokio::sync::watch;

use super::cause::Cause;
use super::environment::environment;
use super::error::{ServerError, because};
use super::kind::{Place, ServerKind};
use super::launch::Launch;
use super::log::ServerLog;
use super::program;

/// How a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Death {
    /// In words that follow the server's name.
    pub(super) end: String,
    /// Why, where its log or its end says so.
    pub(super) cause: Option<Cause>,
}

/// A server process. Dropping it ends everything that it started, politely first.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) port: u16,
    pub(super) log: ServerLog,
    /// The story of its end, once it has ended.
    pub(super) end: watch::Receiver<Option<String>>,
    death: Arc<OnceLock<Death>>,
    stopper: Stopper,
    waiter: Option<JoinHandle<()>>,
    /// Holds the chat template.
    _folder: TempDir,
}

impl Process {
    /// Starts the program. It is not ready yet.
    pub(super) fn start(kind: &dyn ServerKind, launch: &Launch) -> Result<Self, ServerError> {
        let server = kind.name();
        let program = find_program(kind, launch)?;
        let folder = tempfile::Builder::new().prefix("ptb-server-").tempdir().map_err(ServerError::start(server))?;
        let place = Place {
            port: free_port().map_err(ServerError::start(server))?,
            template: folder.path().join("chat_template.jinja"),
        };
        files::write_atomic(&place.template, launch.template().as_bytes())?;
        let mut spec = SandboxSpec::new(program, folder.path());
        spec.args = kind.arguments(launch, &place)?;
        spec.env = environment(std::env::vars_os());
        spec.cwd = folder.path().into();
        spec.isolation = Isolation::None;
        spec.grace = launch.grace;
        let log = ServerLog::new(open_log(launch)?);
        let running = spawn(&spec).map_err(ServerError::sandbox(server))?;
        let stopper = running.stopper();
        let (waiter, stdout, stderr) = running.into_parts();
        let follow = |stream| log.follow(stream).map_err(ServerError::start(server));
        let readers = vec![follow(stdout)?, follow(stderr)?];
        let (sender, end) = watch::channel(None);
        let death = Arc::new(OnceLock::new());
        let (path, told) = (launch.log.clone(), Arc::clone(&death));
        let watcher = Watcher { server, waiter, readers, log: log.clone(), path, sender, death: told };
        let waiter = thread::Builder::new()
            .name("ptb-server".to_owned())
            .spawn(move || watcher.run())
            .map_err(ServerError::start(server))?;
        Ok(Self { port: place.port, log, end, death, stopper, waiter: Some(waiter), _folder: folder })
    }

    /// How it ended, if it has.
    pub(super) fn death(&self) -> Option<&Death> {
        self.death.get()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stopper.terminate();
        if let Some(waiter) = self.waiter.take() {
            // It panics only where a thread of the sandbox did; the processes are gone in either case.
            let _ = waiter.join();
        }
    }
}

/// Waits for the end of the process and says how it came.
struct Watcher {
    server: &'static str,
    waiter: Waiter,
    readers: Vec<JoinHandle<()>>,
    log: ServerLog,
    path: PathBuf,
    sender: watch::Sender<Option<String>>,
    death: Arc<OnceLock<Death>>,
}

impl Watcher {
    fn run(self) {
        let exit = self.waiter.wait();
        for reader in self.readers {
            // The last words are in the log then.
            let _ = reader.join();
        }
        let death = Death { end: exit.reason.to_string(), cause: cause(&exit, &self.log) };
        let (end, because, path) = (&death.end, because(death.cause), self.path.display());
        let message =
            format!("{} {end}{because}; its log is {path}, which ends with:{}", self.server, self.log.last_lines());
        let _ = self.death.set(death);
        // Nobody may be left who wants to know.
        let _ = self.sender.send(Some(message));
    }
}

/// The kernel kills without a word what takes the machine's memory.
fn cause(exit: &Exit, log: &ServerLog) -> Option<Cause> {
    let killed = matches!(exit.reason, ExitReason::Signaled { signal: 9 } | ExitReason::OutOfMemory);
    Cause::of(&log.tail()).or(killed.then_some(Cause::HostMemory))
}

fn find_program(kind: &dyn ServerKind, launch: &Launch) -> Result<PathBuf, ServerError> {
    let wanted = launch.executable.clone().unwrap_or_else(|| kind.executable().into());
    let path = std::env::var_os("PATH");
    program::find(&wanted, path.as_deref())
        .ok_or_else(|| ServerError::Missing { program: wanted.display().to_string(), install: kind.install() })
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A restarted server continues the log.
fn open_log(launch: &Launch) -> Result<File, ServerError> {
    if let Some(folder) = launch.log.parent() {
        files::create_folder(folder)?;
    }
    Ok(File::options().create(true).append(true).open(&launch.log).with_path("write", &launch.log)?)
}
