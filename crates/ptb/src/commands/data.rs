//! `ptb data`: data sets and base models on this machine.

mod fetch;
mod progress;
mod selection;

use clap::{Args, Subcommand};
use ptb_core::definitions::Catalog;
use ptb_eval::data::{DataStatus, DataStore, FileState};
use serde_json::{Value, json};

use self::fetch::FetchArguments;
use self::selection::{Selected, Selection};
use super::Environment;
use crate::failure::{Outcome, Sort, bad};
use crate::output;

/// Lists, fetches and verifies data sets and base models
#[derive(Debug, Args)]
pub struct DataArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows which data sets and base models are on this machine
    ///
    /// Example: ptb data list
    List(Selection),
    /// Fetches data sets and base models, pinned by revision and checksum; goes on with a broken download
    ///
    /// A gated data set or model needs an access token in HF_TOKEN. HF_ENDPOINT names another hub.
    ///
    /// A data set whose hash its definition does not know, such as GPQA, is pinned by its first fetch: pins.json in the data
    /// folder keeps the hash, and from then on the file must match it.
    ///
    /// Example: ptb data fetch gsm8k qwen3-4b
    ///
    /// Example: ptb data fetch --from /mnt/mirror
    ///
    /// Example: ptb data fetch micro-math --split train --count 1000 --seed 1 --out train.jsonl
    #[command(verbatim_doc_comment)]
    Fetch(FetchArguments),
    /// Compares the data sets and base models on this machine with their checksums
    ///
    /// Example: ptb data verify gsm8k
    Verify(Selection),
}

pub fn data(arguments: &DataArguments, environment: &Environment) -> Outcome {
    let store = DataStore::at(environment.cache.data());
    match &arguments.command {
        Command::List(selection) => {
            let catalog = selection.catalog()?;
            let (data, models) = states(&selection.of(&catalog)?, &store, environment, false)?;
            show(&data, &models, selection.json)
        }
        Command::Verify(selection) => verify(&selection.catalog()?, selection, &store, environment),
        Command::Fetch(arguments) => fetch::fetch(arguments, &store, environment),
    }
}

/// The state of a base model.
struct ModelStatus {
    name: String,
    folder: Option<String>,
    state: FileState,
}

fn states(
    selected: &Selected<'_>,
    store: &DataStore,
    environment: &Environment,
    content: bool,
) -> Result<(Vec<DataStatus>, Vec<ModelStatus>), crate::failure::Failure> {
    let benchmarks = selected.benchmarks.iter().copied();
    let data = if content { store.verify(benchmarks) } else { store.list(benchmarks) }.bad()?;
    let status = |model: &&ptb_core::definitions::BaseModelDefinition| {
        let name = model.id.to_string();
        match selection::snapshot(model, environment) {
            None => Ok(ModelStatus { name, folder: None, state: FileState::Generated }),
            Some(snapshot) => {
                let folder = Some(snapshot.folder.display().to_string());
                Ok(ModelStatus { name, folder, state: snapshot.state(content).bad()? })
            }
        }
    };
    Ok((data, selected.models.iter().map(status).collect::<Result<_, _>>()?))
}

fn show(data: &[DataStatus], models: &[ModelStatus], json: bool) -> Outcome {
    if json {
        let data = data.iter().map(|status| serde_json::to_value(status).bad());
        let models = models.iter().map(|status| Ok(model_json(status)));
        return output::json(&data.chain(models).collect::<Result<Vec<_>, _>>()?);
    }
    let lines = data.iter().map(data_line).chain(models.iter().map(model_line));
    output::data(&lines.collect::<String>())
}

fn model_json(status: &ModelStatus) -> Value {
    let mut value = json!({ "model": status.name, "path": status.folder });
    if let (Value::Object(value), Ok(Value::Object(state))) = (&mut value, serde_json::to_value(&status.state)) {
        value.extend(state);
    }
    value
}

fn data_line(status: &DataStatus) -> String {
    let path = status.path.as_deref().map_or_else(String::new, |path| format!("  {}", path.display()));
    let first = status.first_fetch.as_ref().map_or_else(String::new, |first| {
        format!("  (pinned on first fetch: SHA-256 {:.12}..., from {})", first.fingerprint.sha256, first.origin)
    });
    format!("{:<18} {:<8} {}{path}{first}\n", status.benchmark, status.split, state_text(&status.state, "generated"))
}

fn model_line(status: &ModelStatus) -> String {
    let path = status.folder.as_ref().map_or_else(String::new, |folder| format!("  {folder}"));
    format!("{:<18} {:<8} {}{path}\n", status.name, "model", state_text(&status.state, "part of the program"))
}

fn state_text(state: &FileState, built_in: &str) -> String {
    match state {
        FileState::Generated => built_in.to_owned(),
        FileState::Absent => "not fetched".to_owned(),
        FileState::Present => "there".to_owned(),
        FileState::Verified => "verified".to_owned(),
        FileState::Damaged(difference) => format!("DAMAGED: {difference}"),
    }
}

fn verify(catalog: &Catalog, selection: &Selection, store: &DataStore, environment: &Environment) -> Outcome {
    let (data, models) = states(&selection.of(catalog)?, store, environment, true)?;
    show(&data, &models, selection.json)?;
    let damaged = |state: &FileState| matches!(state, FileState::Damaged(_));
    let data = data.iter().filter(|status| damaged(&status.state));
    let models = models.iter().filter(|status| damaged(&status.state));
    let names = data.map(|status| format!("{} {}", status.benchmark, status.split));
    let names: Vec<_> = names.chain(models.map(|status| status.name.clone())).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(bad(format!("damaged: {}; `ptb data fetch` replaces what is damaged", names.join(", "))))
}
