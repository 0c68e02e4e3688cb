//! A server as an engine.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::cause::Cause;
use super::error::ServerError;
use super::kind::ServerKind;
use super::launch::Launch;
use super::process::{Death, Process};
use crate::endpoint::{Address, EndpointError, EndpointSettings, HttpEngine, Patience, decodes_greedily};
use crate::engine::{ChatRequest, Engine, EngineError, OnCompletion};
use crate::http::{HeaderMap, HttpClient, HttpLimits};

/// Between two questions whether the server is ready.
const POLL: Duration = Duration::from_millis(200);
/// Between two reports of progress.
const REPORT: Duration = Duration::from_secs(5);
/// Starts when another program takes the port in the meantime.
const STARTS: u32 = 3;
/// The process is watched, so that only a server that hangs is found out by its silence.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a server reports while it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerProgress {
    /// It is not ready yet.
    Starting {
        /// Time since its start.
        elapsed: Duration,
        /// The last line of its log. Hostile text without control characters.
        line: String,
    },
    /// It is ready.
    Ready {
        /// Time that the start took.
        elapsed: Duration,
    },
}

/// Receives progress.
type OnProgress<'a> = &'a mut dyn FnMut(ServerProgress);

/// A server that is started, used and stopped.
pub struct ServerEngine {
    kind: Box<dyn ServerKind>,
    launch: Launch,
    greedy: bool,
    running: Mutex<Option<Running>>,
}

/// A server that is ready.
struct Running {
    engine: HttpEngine,
    process: Process,
}

impl std::fmt::Debug for ServerEngine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerEngine")
            .field("kind", &self.kind.name())
            .field("launch", &self.launch)
            .finish_non_exhaustive()
    }
}

impl ServerEngine {
    /// Starts a server and waits until it is ready.
    pub fn start(
        kind: Box<dyn ServerKind>,
        launch: Launch,
        on_progress: &mut dyn FnMut(ServerProgress),
    ) -> Result<Self, ServerError> {
        let greedy = decodes_greedily(&launch.model, &launch.sampling)?;
        let running = start(&*kind, &launch, on_progress)?;
        Ok(Self { kind, launch, greedy, running: Mutex::new(Some(running)) })
    }
}

impl Engine for ServerEngine {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn is_greedy(&self) -> bool {
        self.greedy
    }

    /// A server that failed is stopped, and the next call starts another.
    fn generate(&self, requests: Vec<ChatRequest>, on_completion: OnCompletion<'_>) -> Result<(), EngineError> {
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = slot.take().filter(|running| running.process.death().is_none());
        let running = match alive {
            Some(running) => running,
            None => start(&*self.kind, &self.launch, &mut |_| {})?,
        };
        let outcome = running.engine.generate(requests, on_completion);
        match outcome {
            Err(EngineError::Failed(message)) => {
                let message = with_last_words(message, &running.process);
                drop(running);
                Err(EngineError::Failed(message))
            }
            outcome => {
                *slot = Some(running);
                outcome
            }
        }
    }
}

/// What a server says at its end explains more than a broken connection.
fn with_last_words(message: String, process: &Process) -> String {
    match &*process.end.borrow() {
        Some(story) if *story != message => format!("{message}; {story}"),
        _ => message,
    }
}

fn start(kind: &dyn ServerKind, launch: &Launch, on_progress: OnProgress<'_>) -> Result<Running, ServerError> {
    let mut starts = 1;
    loop {
        match start_once(kind, launch, on_progress) {
            Err(ServerError::Died { cause: Some(Cause::PortTaken), .. }) if starts < STARTS => starts += 1,
            outcome => return outcome,
        }
    }
}

fn start_once(kind: &dyn ServerKind, launch: &Launch, on_progress: OnProgress<'_>) -> Result<Running, ServerError> {
    let process = Process::start(kind, launch)?;
    let url = format!("http://127.0.0.1:{}", process.port);
    let address = Address::parse(&url).map_err(EndpointError::Address)?;
    let settings = EndpointSettings {
        name: kind.name().to_owned(),
        connections: launch.connections,
        send_seed: launch.send_seed,
        patience: Patience { unreachable: PATIENCE, failing: PATIENCE, ..Patience::default() },
        ..EndpointSettings::new(address)
    };
    wait_until_ready(kind, launch, &process, &settings, on_progress)?;
    let engine = HttpEngine::for_server(settings, &launch.name, process.end.clone())?;
    Ok(Running { engine, process })
}

fn wait_until_ready(
    kind: &dyn ServerKind,
    launch: &Launch,
    process: &Process,
    settings: &EndpointSettings,
    on_progress: OnProgress<'_>,
) -> Result<(), ServerError> {
    let probe = Probe::new(process.port, settings, &launch.name).map_err(ServerError::start(kind.name()))?;
    let (server, log, started) = (kind.name(), launch.log.clone(), Instant::now());
    let mut reported = started;
    loop {
        if let Some(Death { end, cause }) = process.death().cloned() {
            return Err(ServerError::Died { server, end, cause, log, lines: process.log.last_lines() });
        }
        if probe.is_ready() {
            on_progress(ServerProgress::Ready { elapsed: started.elapsed() });
            return Ok(());
        }
        if started.elapsed() >= launch.start_time {
            let (limit, lines) = (launch.start_time, process.log.last_lines());
            return Err(ServerError::Slow { server, limit, log, lines });
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            on_progress(ServerProgress::Starting { elapsed: started.elapsed(), line: process.log.last_line() });
        }
        thread::sleep(POLL);
    }
}

/// Asks whether a server is ready.
struct Probe {
    runtime: tokio::runtime::Runtime,
    client: HttpClient,
    health: String,
    models: String,
    name: String,
}

impl Probe {
    fn new(port: u16, settings: &EndpointSettings, name: &str) -> std::io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            client: HttpClient::new(POLL * 5),
            health: format!("http://127.0.0.1:{port}/health"),
            models: settings.address.models(),
            name: name.to_owned(),
        })
    }

    /// Healthy, and with our model: another program may have taken the port.
    fn is_ready(&self) -> bool {
        self.get(&self.health).is_some()
            && self.get(&self.models).is_some_and(|list| list.contains(&format!("\"{}\"", self.name)))
    }

    fn get(&self, url: &str) -> Option<String> {
        let limits = HttpLimits { total: Duration::from_secs(5), ..HttpLimits::default() };
        let reply = self.runtime.block_on(self.client.get(url, &HeaderMap::new(), &limits)).ok()?;
        reply.is_success().then(|| reply.text().into_owned())
    }
}
