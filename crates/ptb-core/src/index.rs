//! `index.sqlite`: a cache of what stands in many run folders.
//!
//! It is never the only copy of anything: [`Index::rebuild`] makes it anew from the folders at any time, and a damaged
//! index is thrown away.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use thiserror::Error;

use crate::files::{self, FileError};
use crate::run::{RunFolder, RunFolderError, RunSpec};
use crate::stage::Stage;

/// Raised whenever the table changes; an index of another version is rebuilt.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        folder TEXT NOT NULL,
        experiment TEXT NOT NULL,
        agent TEXT,
        benchmark TEXT NOT NULL,
        base_model TEXT NOT NULL,
        replicate INTEGER NOT NULL,
        stage TEXT,
        state TEXT NOT NULL,
        seconds_used REAL,
        seconds_budget REAL NOT NULL,
        decision TEXT,
        score REAL,
        provenance TEXT
    ) STRICT;
";

/// An index that cannot be used.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The database refused.
    #[error("cannot use the index {}: {cause} (it can be rebuilt with `ptb status --reindex`)", path.display())]
    Database {
        /// The database's file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rusqlite::Error,
    },
    /// The folders cannot be listed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// One run as `ptb status` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run's id.
    pub id: String,
    /// Path of its folder.
    pub folder: String,
    /// The experiment.
    pub experiment: String,
    /// The agent; none for a baseline.
    pub agent: Option<String>,
    /// The benchmark.
    pub benchmark: String,
    /// The base model.
    pub base_model: String,
    /// Number of the replicate.
    pub replicate: u32,
    /// The last stage with a result.
    pub stage: Option<String>,
    /// `waiting`, `running`, `failed` or `done`.
    pub state: String,
    /// Seconds the agent used.
    pub seconds_used: Option<f64>,
    /// Seconds it was given.
    pub seconds_budget: f64,
    /// The audit's decision.
    pub decision: Option<String>,
    /// The score that counts.
    pub score: Option<f64>,
    /// Where the score comes from.
    pub provenance: Option<String>,
}

impl RunRow {
    /// Reads the row from a run folder.
    pub fn read(folder: &RunFolder, spec: &RunSpec) -> Result<Self, FileError> {
        let done = |stage: &Stage| folder.stage_record(*stage).map(|record| record.is_some());
        let mut last = None;
        for stage in spec.kind.stages() {
            if !done(stage)? {
                break;
            }
            last = Some(*stage);
        }
        let score = folder.score()?;
        Ok(Self {
            id: spec.id.to_string(),
            folder: folder.root().display().to_string(),
            experiment: spec.experiment.to_string(),
            agent: spec.agent_id().map(ToString::to_string),
            benchmark: spec.benchmark.id.to_string(),
            base_model: spec.base_model.id.to_string(),
            replicate: spec.replicate,
            state: state(folder, last)?.to_owned(),
            stage: last.map(|stage| stage.to_string()),
            seconds_used: folder.session()?.map(|session| session.seconds_used),
            seconds_budget: spec.budget.seconds,
            decision: folder.verdict()?.map(|verdict| verdict.decision.to_string()),
            score: score.as_ref().and_then(|score| score.counted).map(|counted| counted.value),
            provenance: score.map(|score| score.provenance.to_string()),
        })
    }
}

fn state(folder: &RunFolder, last: Option<Stage>) -> Result<&'static str, FileError> {
    use crate::event::EventKind;
    if last == Some(Stage::Score) {
        return Ok("done");
    }
    let last_event = folder.events().read()?.into_iter().next_back().map(|event| event.kind);
    Ok(match last_event {
        None | Some(EventKind::Created) => "waiting",
        Some(EventKind::StageFailed { .. }) => "failed",
        Some(_) => "running",
    })
}

/// What a rebuild did.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Runs that are in the index now.
    pub runs: usize,
    /// Folders that could not be read, with the reason.
    pub unreadable: Vec<RunFolderError>,
}

/// The index of the run folders below one results folder.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    connection: Connection,
}

impl Index {
    /// Opens the index at `path`. An absent, damaged or outdated one is replaced by an empty one.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        if let Ok(connection) = Self::connect(path) {
            return Ok(Self { path: path.to_owned(), connection });
        }
        files::remove_all(path)?;
        let connection = Self::connect(path).map_err(|cause| error_at(path, cause))?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"))?;
        } else if version != SCHEMA_VERSION {
            return Err(rusqlite::Error::InvalidQuery);
        }
        connection.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0))?;
        Ok(connection)
    }

    /// Makes the index anew from the folders below `runs`, in one transaction.
    pub fn rebuild(&mut self, runs: &Path) -> Result<Rebuilt, IndexError> {
        self.gather(runs, &HashMap::new())
    }

    /// Brings the index up to date: runs that are done are taken from it, all others are read from their folders.
    pub fn refresh(&mut self, runs: &Path) -> Result<Rebuilt, IndexError> {
        let done = self.runs()?.into_iter().filter(|row| row.state == "done");
        let known = done.map(|row| (row.folder.clone(), row)).collect();
        self.gather(runs, &known)
    }

    fn gather(&mut self, runs: &Path, known: &HashMap<String, RunRow>) -> Result<Rebuilt, IndexError> {
        let mut rebuilt = Rebuilt::default();
        let mut rows = Vec::new();
        for path in RunFolder::list(runs)? {
            match known.get(&*path.to_string_lossy()).cloned().map_or_else(|| read_row(path), Ok) {
                Ok(row) => rows.push(row),
                Err(error) => rebuilt.unreadable.push(error),
            }
        }
        rebuilt.runs = rows.len();
        self.replace_all(&rows).map_err(|cause| error_at(&self.path, cause))?;
        Ok(rebuilt)
    }

    fn replace_all(&mut self, rows: &[RunRow]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM runs", [])?;
        for row in rows {
            put(&transaction, row)?;
        }
        transaction.commit()
    }

    /// Puts the present state of one run into the index.
    pub fn update(&self, row: &RunRow) -> Result<(), IndexError> {
        put(&self.connection, row).map_err(|cause| error_at(&self.path, cause))
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, IndexError> {
        self.query_runs().map_err(|cause| error_at(&self.path, cause))
    }

    fn query_runs(&self) -> rusqlite::Result<Vec<RunRow>> {
        let mut statement = self.connection.prepare("SELECT * FROM runs ORDER BY id")?;
        statement.query_map([], from_sql)?.collect()
    }

    /// One run.
    pub fn run(&self, id: &str) -> Result<Option<RunRow>, IndexError> {
        self.connection
            .query_row("SELECT * FROM runs WHERE id = ?1", [id], from_sql)
            .optional()
            .map_err(|cause| error_at(&self.path, cause))
    }
}

fn read_row(path: PathBuf) -> Result<RunRow, RunFolderError> {
    let (folder, spec) = RunFolder::open(path)?;
    Ok(RunRow::read(&folder, &spec)?)
}

fn error_at(path: &Path, cause: rusqlite::Error) -> IndexError {
    IndexError::Database { path: path.to_owned(), cause }
}

fn put(connection: &Connection, row: &RunRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            row.id,
            row.folder,
            row.experiment,
            row.agent,
            row.benchmark,
            row.base_model,
            row.replicate,
            row.stage,
            row.state,
            row.seconds_used,
            row.seconds_budget,
            row.decision,
            row.score,
            row.provenance,
        ])
        .map(|_| ())
}

fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: row.get("id")?,
        folder: row.get("folder")?,
        experiment: row.get("experiment")?,
        agent: row.get("agent")?,
        benchmark: row.get("benchmark")?,
        base_model: row.get("base_model")?,
        replicate: row.get("replicate")?,
        stage: row.get("stage")?,
        state: row.get("state")?,
        seconds_used: row.get("seconds_used")?,
        seconds_budget: row.get("seconds_budget")?,
        decision: row.get("decision")?,
        score: row.get("score")?,
        provenance: row.get("provenance")?,
    })
}
