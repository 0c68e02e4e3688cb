//! `ptb data fetch`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ptb_core::definitions::{BaseModelDefinition, BenchmarkDefinition, DataFile, Split};
use ptb_core::files;
use ptb_eval::data::{DataError, DataStore, Downloader, FetchAction, FetchReport, FileState, Source, export_micro};
use ptb_eval::hub::{Hub, Manifest};
use serde_json::json;

use super::progress::FilesProgress;
use super::selection::{self, Selection};
use crate::commands::Environment;
use crate::failure::{Failure, Outcome, Sort, bad, usage};
use crate::output;

/// How often a broken download is tried again, and the first pause between tries.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub struct FetchArguments {
    #[command(flatten)]
    selection: Selection,
    /// Copy from a folder instead of downloading
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Fetch anew what was pinned on its first fetch, and pin what comes now
    #[arg(long)]
    replace: bool,
    /// Write one split of one benchmark to a file as JSON Lines
    #[arg(long, value_name = "FILE", requires = "split")]
    out: Option<PathBuf>,
    /// The split to write
    #[arg(long, value_enum, requires = "out")]
    split: Option<SplitName>,
    /// Rows to write; generated train splits have as many as asked for
    #[arg(long, requires = "out", default_value_t = 1000)]
    count: usize,
    /// Seed of a generated train split
    #[arg(long, requires = "out", default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SplitName {
    Test,
    Train,
}

/// Where files come from.
struct Origin<'a> {
    downloader: Downloader,
    hub: Hub,
    mirror: Option<&'a Path>,
}

impl Origin<'_> {
    fn source(&self) -> Source<'_> {
        self.mirror.map_or(Source::Network(&self.downloader, &self.hub), Source::Mirror)
    }
}

pub fn fetch(arguments: &FetchArguments, store: &DataStore, environment: &Environment) -> Outcome {
    let catalog = arguments.selection.catalog()?;
    let mut selected = arguments.selection.of(&catalog)?;
    if arguments.selection.is_empty() {
        // Models are large: each is asked for by name.
        selected.models.clear();
    }
    let downloader = Downloader::new(TRIES, PAUSE);
    let hub = Hub::from_environment(|name| std::env::var_os(name));
    let origin = Origin { downloader, hub, mirror: arguments.from.as_deref() };
    if let (Some(out), Some(split)) = (&arguments.out, arguments.split) {
        let ([benchmark], []) = (selected.benchmarks.as_slice(), selected.models.as_slice()) else {
            return Err(usage("--out writes one benchmark: name exactly one"));
        };
        return write_split(benchmark, split, out, arguments, store, &origin);
    }
    if arguments.replace {
        store.forget_first_fetches(selected.benchmarks.iter().copied()).bad()?;
    }
    let reports = fetch_data(selected.benchmarks, store, &origin)?;
    let mut values = Vec::new();
    for report in &reports {
        values.push(serde_json::to_value(report).bad()?);
    }
    let mut lines: String = reports.iter().map(report_line).collect();
    for model in selected.models {
        let (line, value) = fetch_model(model, environment, &origin)?;
        lines.push_str(&line);
        values.push(value);
    }
    if arguments.selection.json { output::json(&values) } else { output::data(&lines) }
}

fn fetch_data(
    benchmarks: Vec<&BenchmarkDefinition>,
    store: &DataStore,
    origin: &Origin<'_>,
) -> Result<Vec<FetchReport>, Failure> {
    let mut progress = FilesProgress::default();
    let fetched = store.fetch(benchmarks, origin.source(), &mut |news| progress.show(news));
    progress.finish();
    fetched.map_err(sort)
}

fn fetch_model(
    model: &BaseModelDefinition,
    environment: &Environment,
    origin: &Origin<'_>,
) -> Result<(String, serde_json::Value), Failure> {
    let Some(snapshot) = selection::snapshot(model, environment) else {
        let line = format!("{:<18} {:<8} part of the program\n", model.id, "model");
        return Ok((line, json!({ "model": model.id, "action": "generated" })));
    };
    let folder = snapshot.folder.display();
    if snapshot.state(true).bad()? == FileState::Verified {
        let line = format!("{:<18} {:<8} already there  {folder}\n", model.id, "model");
        return Ok((line, json!({ "model": model.id, "action": "already_there", "path": snapshot.folder })));
    }
    let mut progress = FilesProgress::default();
    let fetched = match origin.mirror {
        Some(mirror) => snapshot.copy(mirror),
        None => snapshot.download(&origin.downloader, &origin.hub, &mut |news| progress.show(news)),
    };
    progress.finish();
    let Manifest { files, .. } = fetched.map_err(sort)?;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let line = format!("{:<18} {:<8} fetched {} files, {bytes} bytes  {folder}\n", model.id, "model", files.len());
    Ok((line, json!({ "model": model.id, "action": "fetched", "path": snapshot.folder, "files": files })))
}

/// A wrong mirror is the user's mistake, a network that does not answer is the environment's.
fn sort(error: DataError) -> Failure {
    let of_the_network = |error: &DataError| matches!(error, DataError::Download { .. } | DataError::Listing { .. });
    let environment = match &error {
        DataError::Several(errors) => errors.iter().all(of_the_network),
        error => of_the_network(error),
    };
    if environment { Failure::Environment(error.into()) } else { Failure::Bad(error.into()) }
}

fn report_line(report: &FetchReport) -> String {
    let path = report.path.as_deref().map_or_else(String::new, |path| format!("  {}", path.display()));
    let action = match &report.action {
        FetchAction::Generated => "generated".to_owned(),
        FetchAction::AlreadyThere => "already there".to_owned(),
        FetchAction::Downloaded { resumed_at: 0 } => "downloaded".to_owned(),
        FetchAction::Downloaded { resumed_at } => format!("downloaded, went on at byte {resumed_at}"),
        FetchAction::Copied => "copied".to_owned(),
        FetchAction::Pinned { sha256, origin } => {
            format!("fetched for the first time from {origin}; pinned to {sha256}")
        }
    };
    format!("{:<18} {:<8} {action}{path}\n", report.benchmark, report.split)
}

fn write_split(
    benchmark: &BenchmarkDefinition,
    split: SplitName,
    out: &Path,
    arguments: &FetchArguments,
    store: &DataStore,
    origin: &Origin<'_>,
) -> Outcome {
    let split = match split {
        SplitName::Test => Split::Test,
        SplitName::Train => Split::Train,
    };
    let file = benchmark.data.file(split).ok_or_else(|| usage(format!("{} has no {split} split", benchmark.id)))?;
    let rows = match file {
        DataFile::Micro { set } => export_micro(*set, split, arguments.count, arguments.seed),
        DataFile::Download(_) => {
            let reports = fetch_data(vec![benchmark], store, origin)?;
            let path = reports.into_iter().find(|report| report.split == split).and_then(|report| report.path);
            files::read_text(&path.ok_or_else(|| bad("the data set has no file"))?).bad()?
        }
    };
    files::write_atomic(out, rows.as_bytes()).bad()?;
    output::say(format!("{} rows of {} {split} in {}", rows.lines().count(), benchmark.id, out.display()));
    Ok(())
}
