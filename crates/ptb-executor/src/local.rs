//! Worker processes on this machine, a fixed number at one time.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ptb_core::files::{FileError, IoContext};
use ptb_core::run::{RunFolder, RunFolderError, RunKind};
use thiserror::Error;

use crate::worker::Equipment;

/// How often finished workers are looked for.
const POLL: Duration = Duration::from_millis(20);

/// What the controller reports while runs go on.
pub trait Progress {
    /// A worker was started.
    fn started(&mut self, folder: &RunFolder);
    /// Time has passed; called some dozen times a second.
    fn tick(&mut self, running: &[&RunFolder]);
    /// A worker ended. `error` has the last lines it printed when it failed.
    fn ended(&mut self, folder: &RunFolder, error: Option<&str>);
}

/// A controller that cannot go on. Workers that were started have been waited for or ended.
#[derive(Debug, Error)]
pub enum LocalError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
}

/// A run whose worker failed.
#[derive(Debug, Clone)]
pub struct FailedRun {
    /// The run folder.
    pub folder: PathBuf,
    /// What the worker said.
    pub error: String,
}

/// Brings all runs to their scores, `slots` at a time: first the baselines, whose scores the others need. A run that
/// fails does not stop the others.
pub fn run_all(
    folders: &[PathBuf],
    slots: usize,
    equipment: &Equipment,
    progress: &mut dyn Progress,
) -> Result<Vec<FailedRun>, LocalError> {
    let mut baselines = Vec::new();
    let mut others = Vec::new();
    for path in folders {
        let (folder, spec) = RunFolder::open(path)?;
        if spec.kind == RunKind::Baseline { baselines.push(folder) } else { others.push(folder) }
    }
    let mut failed = run_batch(baselines, slots, equipment, progress)?;
    failed.extend(run_batch(others, slots, equipment, progress)?);
    Ok(failed)
}

fn run_batch(
    folders: Vec<RunFolder>,
    slots: usize,
    equipment: &Equipment,
    progress: &mut dyn Progress,
) -> Result<Vec<FailedRun>, LocalError> {
    let mut waiting: VecDeque<_> = folders.into();
    let mut running: Vec<Worker> = Vec::new();
    let mut failed = Vec::new();
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < slots
            && let Some(folder) = waiting.pop_front()
        {
            progress.started(&folder);
            running.push(Worker::start(folder, equipment)?);
        }
        std::thread::sleep(POLL);
        let mut still = Vec::new();
        for mut worker in running {
            match worker.state()? {
                WorkerState::Working => still.push(worker),
                WorkerState::Done => progress.ended(&worker.folder, None),
                WorkerState::Failed(error) => {
                    progress.ended(&worker.folder, Some(&error));
                    failed.push(FailedRun { folder: worker.folder.root().to_owned(), error });
                }
            }
        }
        running = still;
        progress.tick(&running.iter().map(|worker| &worker.folder).collect::<Vec<_>>());
    }
    Ok(failed)
}

struct Worker {
    folder: RunFolder,
    process: Child,
    log: PathBuf,
}

impl Worker {
    fn start(folder: RunFolder, equipment: &Equipment) -> Result<Self, LocalError> {
        let log = folder.root().join("worker.log");
        let output = File::create(&log).with_path("create", &log)?;
        let errors = output.try_clone().with_path("open", &log)?;
        let process = Command::new(&equipment.ptb)
            .arg("worker")
            .arg(folder.root())
            .arg("--cache")
            .arg(equipment.cache.root())
            .arg("--threads")
            .arg(equipment.threads.to_string())
            .env("RAYON_NUM_THREADS", equipment.threads.to_string())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_path("start", &equipment.ptb)?;
        Ok(Self { folder, process, log })
    }

    fn state(&mut self) -> Result<WorkerState, LocalError> {
        let ended = self.process.try_wait().with_path("wait for the worker of", self.folder.root())?;
        Ok(match ended {
            None => WorkerState::Working,
            Some(status) if status.success() => WorkerState::Done,
            Some(status) => WorkerState::Failed(last_words(&self.log, &status.to_string())),
        })
    }
}

enum WorkerState {
    Working,
    /// It brought its run to an end.
    Done,
    /// It did not, and said this last.
    Failed(String),
}

/// The end of a worker's log, or its exit status when it said nothing.
fn last_words(log: &Path, status: &str) -> String {
    const LINES: usize = 8;
    let text = ptb_core::files::read_text(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.get(lines.len().saturating_sub(LINES)..) {
        Some([]) | None if is_full(log) => {
            format!("the worker ended with {status}: no space left on the disk of {} (free some space)", log.display())
        }
        Some([]) | None => format!("the worker ended with {status} and said nothing"),
        Some(last) => last.join("\n"),
    }
}

/// Whether the disk has so little space that not even a log could be written.
fn is_full(log: &Path) -> bool {
    const LITTLE: u64 = 64 << 10;
    let folder = log.parent().unwrap_or(log);
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail * disk.f_frsize < LITTLE)
}
