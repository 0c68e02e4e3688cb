//! `ptb score`: scores completions that stand in a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use ptb_core::definitions::{BenchmarkDefinition, PromptWording, Split};
use ptb_core::ids::BenchmarkId;
use ptb_eval::data::{DataStore, Item, show_choices};
use ptb_eval::prompt::load_pack;
use ptb_eval::score_file::{Mode, NotScorable, Scoring, Totals, score_lines};

use super::Environment;
use crate::failure::{Failure, Outcome, Sort, usage};

/// Scores completions from a file, without a model
///
/// Each line of the file is a JSON object with `sample_id` and `completion`: a text, or an object with `content` and
/// `tool_calls`. `target` and `choices` replace those of the data set; other fields are ignored. For each line one line is
/// printed, in the same order: `sample_id`, `score`, `extracted_answer`, and `reason` or `error`. Lines that cannot be
/// scored have an `error`, and the exit code is 2.
///
/// Example: ptb score --benchmark gsm8k --completions completions.jsonl --compat inspect > scores.jsonl
#[derive(Debug, Args)]
pub struct ScoreArguments {
    /// The benchmark
    #[arg(long)]
    benchmark: BenchmarkId,
    /// The completions, a JSON object a line; - is standard input
    #[arg(long, value_name = "FILE")]
    completions: PathBuf,
    /// Score as another program does, its defects included [default: the strict scorers]
    #[arg(long, value_name = "PROGRAM")]
    compat: Option<Compat>,
    /// Wordings of the questions, which say in what order choices are shown: a pack's name or file
    #[arg(long, value_name = "PACK", default_value = "default")]
    pack: String,
    /// Folder with the data sets [default: where `ptb data fetch` puts them]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Python interpreter for programs that a model wrote [default: python3]
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Compat {
    /// Inspect AI 0.3.150 with `inspect_evals` 0.3.103
    Inspect,
}

pub fn score(arguments: &ScoreArguments, environment: &Environment) -> Outcome {
    let catalog = Environment::catalog(None)?;
    let benchmark = catalog.benchmark(&arguments.benchmark).usage()?;
    let mode = match arguments.compat {
        Some(Compat::Inspect) => Mode::Inspect,
        None => Mode::Strict,
    };
    let pack = load_pack(&arguments.pack, &catalog).usage()?;
    let wording = pack.prompts.get(benchmark.id.as_str());
    let items = items(benchmark, wording, arguments.data.as_deref(), environment)?;
    let scoring = Scoring::new(benchmark, mode, items, arguments.python.clone()).map_err(not_scorable)?;
    let input = open(&arguments.completions)?;
    match score_lines(input, BufWriter::new(io::stdout().lock()), &scoring) {
        Ok(totals) => report(totals),
        // As of `ptb score ... | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error).with_context(|| format!("scoring {}", arguments.completions.display())).environment(),
    }
}

/// What is missing on this machine is no mistake of the user's.
fn not_scorable(error: NotScorable) -> Failure {
    match error {
        NotScorable::Judge(_) | NotScorable::NoReference(_) => Failure::Usage(error.into()),
        NotScorable::NoTests { .. } | NotScorable::Programs(_) => Failure::Environment(error.into()),
    }
}

/// The data set's items, or why they are not here: lines may bring what is needed themselves.
fn items(
    benchmark: &BenchmarkDefinition,
    wording: Option<&PromptWording>,
    folder: Option<&Path>,
    environment: &Environment,
) -> Result<Result<Vec<Item>, String>, Failure> {
    let store = DataStore::at(folder.map_or_else(|| environment.cache.data(), Path::to_owned));
    let mut items = match store.items(benchmark, Split::Test) {
        Ok(items) => items,
        // A folder that was named has to have them.
        Err(error) if folder.is_some() => return Err(Failure::Environment(error.into())),
        Err(error) => return Ok(Err(error.to_string())),
    };
    if let Some((order, wording)) = wording.and_then(|wording| wording.choice_order.zip(Some(wording))) {
        show_choices(&mut items, order, wording.missing_values);
    }
    Ok(Ok(items))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("opening {}", path.display())).usage()?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

fn report(totals: Totals) -> Outcome {
    match totals {
        Totals { lines: 0, .. } => Err(usage("the file has no completions")),
        Totals { bad: 0, .. } => Ok(()),
        Totals { bad, lines, .. } => {
            Err(usage(format!("{bad} of {lines} lines have no score: their field `error` says why")))
        }
    }
}
