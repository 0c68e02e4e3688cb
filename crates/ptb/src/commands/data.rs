//! `ptb data`: the data sets of the benchmarks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use ptb_core::definitions::{BenchmarkDefinition, Catalog, DataFile, Split};
use ptb_core::files;
use ptb_core::ids::BenchmarkId;
use ptb_eval::data::{DataError, DataStatus, DataStore, Downloader, FetchReport, FileState, Source, export_micro};

use super::Environment;
use crate::failure::{Failure, Outcome, Sort, bad, usage};
use crate::output;

/// How often a broken download is tried again, and the first pause between tries.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Lists, fetches and verifies the data sets of the benchmarks
#[derive(Debug, Args)]
pub struct DataArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows which data sets are on this machine
    List(Selection),
    /// Fetches data sets, pinned by revision and checksum; goes on with a broken download
    ///
    /// Example: ptb data fetch gsm8k
    ///
    /// Example: ptb data fetch micro-math --split train --count 1000 --seed 1 --out train.jsonl
    Fetch(FetchArguments),
    /// Compares the data sets on this machine with their checksums
    Verify(Selection),
}

#[derive(Debug, Args)]
struct Selection {
    /// Benchmarks [default: all]
    benchmarks: Vec<BenchmarkId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct FetchArguments {
    #[command(flatten)]
    selection: Selection,
    /// Copy from a folder instead of downloading
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
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

pub fn data(arguments: &DataArguments, environment: &Environment) -> Outcome {
    let store = DataStore::at(environment.cache.data());
    let catalog = Environment::catalog(None)?;
    match &arguments.command {
        Command::List(selection) => show(&store.list(selected(&catalog, selection)?).bad()?, selection.json),
        Command::Verify(selection) => verify(&store, &catalog, selection),
        Command::Fetch(arguments) => fetch(arguments, &store, &catalog),
    }
}

fn selected<'a>(catalog: &'a Catalog, selection: &Selection) -> Result<Vec<&'a BenchmarkDefinition>, Failure> {
    if selection.benchmarks.is_empty() {
        return Ok(catalog.benchmarks().collect());
    }
    selection.benchmarks.iter().map(|id| catalog.benchmark(id)).collect::<Result<_, _>>().usage()
}

fn show(statuses: &[DataStatus], json: bool) -> Outcome {
    if json { output::json(&statuses) } else { output::data(&statuses.iter().map(status_line).collect::<String>()) }
}

fn status_line(status: &DataStatus) -> String {
    let state = match &status.state {
        FileState::Generated => "generated".to_owned(),
        FileState::Absent => "not fetched".to_owned(),
        FileState::Present => "there".to_owned(),
        FileState::Verified => "verified".to_owned(),
        FileState::Damaged(difference) => format!("DAMAGED: {difference}"),
    };
    let path = status.path.as_deref().map_or_else(String::new, |path| format!("  {}", path.display()));
    format!("{:<14} {:<6} {state}{path}\n", status.benchmark, status.split)
}

fn verify(store: &DataStore, catalog: &Catalog, selection: &Selection) -> Outcome {
    let statuses = store.verify(selected(catalog, selection)?).bad()?;
    show(&statuses, selection.json)?;
    let damaged = statuses.iter().filter(|status| matches!(status.state, FileState::Damaged(_)));
    let names: Vec<_> = damaged.map(|status| format!("{} {}", status.benchmark, status.split)).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(bad(format!("damaged: {}; `ptb data fetch` replaces what is damaged", names.join(", "))))
}

fn fetch(arguments: &FetchArguments, store: &DataStore, catalog: &Catalog) -> Outcome {
    let benchmarks = selected(catalog, &arguments.selection)?;
    if let (Some(out), Some(split)) = (&arguments.out, arguments.split) {
        let [benchmark] = benchmarks.as_slice() else {
            return Err(usage("--out writes one benchmark: name exactly one"));
        };
        return write_split(benchmark, split, out, arguments, store);
    }
    let reports = fetch_all(benchmarks, arguments.from.as_deref(), store)?;
    if arguments.selection.json {
        return output::json(&reports);
    }
    output::data(&reports.iter().map(report_line).collect::<String>())
}

fn fetch_all(
    benchmarks: Vec<&BenchmarkDefinition>,
    from: Option<&Path>,
    store: &DataStore,
) -> Result<Vec<FetchReport>, Failure> {
    let downloader = Downloader::new(TRIES, PAUSE);
    let source = from.map_or(Source::Network(&downloader), Source::Mirror);
    let bar = indicatif::ProgressBar::new(0);
    let fetched = store.fetch(benchmarks, source, &mut |progress| {
        bar.set_length(progress.total);
        bar.set_message(format!("{} {}", progress.benchmark, progress.split));
        bar.set_position(progress.done);
    });
    bar.finish_and_clear();
    fetched.map_err(sort)
}

/// A wrong mirror is the user's mistake, a network that does not answer is the environment's.
fn sort(error: DataError) -> Failure {
    match error {
        DataError::Download { .. } => Failure::Environment(error.into()),
        _ => Failure::Bad(error.into()),
    }
}

fn report_line(report: &FetchReport) -> String {
    let path = report.path.as_deref().map_or_else(String::new, |path| format!("  {}", path.display()));
    format!("{:<14} {:<6} {:?}{path}\n", report.benchmark, report.split, report.action)
}

fn write_split(
    benchmark: &BenchmarkDefinition,
    split: SplitName,
    out: &Path,
    arguments: &FetchArguments,
    store: &DataStore,
) -> Outcome {
    let split = match split {
        SplitName::Test => Split::Test,
        SplitName::Train => Split::Train,
    };
    let file = benchmark.data.file(split).ok_or_else(|| usage(format!("{} has no {split} split", benchmark.id)))?;
    let rows = match file {
        DataFile::Micro { set } => export_micro(*set, split, arguments.count, arguments.seed),
        DataFile::Download { .. } => {
            let reports = fetch_all(vec![benchmark], arguments.from.as_deref(), store)?;
            let path = reports.into_iter().find(|report| report.split == split).and_then(|report| report.path);
            files::read_text(&path.ok_or_else(|| bad("the data set has no file"))?).bad()?
        }
    };
    files::write_atomic(out, rows.as_bytes()).bad()?;
    output::say(format!("{} rows of {} {split} in {}", rows.lines().count(), benchmark.id, out.display()));
    Ok(())
}
