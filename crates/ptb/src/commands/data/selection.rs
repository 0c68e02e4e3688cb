//! Which data sets and base models a command is about.

use std::path::PathBuf;

use clap::Args;
use ptb_core::definitions::{BaseModelDefinition, BaseModelSource, BenchmarkDefinition, Catalog};
use ptb_core::ids::{BaseModelId, BenchmarkId};
use ptb_eval::hub::Snapshot;

use crate::commands::Environment;
use crate::failure::{Failure, Sort, usage};

#[derive(Debug, Args)]
pub struct Selection {
    /// Benchmarks and base models [default: all; to fetch: all benchmarks]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// A base model; as naming it
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// Folder with definitions that are added to the embedded ones
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What was selected.
#[derive(Debug, Default)]
pub struct Selected<'a> {
    pub benchmarks: Vec<&'a BenchmarkDefinition>,
    pub models: Vec<&'a BaseModelDefinition>,
}

impl Selection {
    pub fn catalog(&self) -> Result<Catalog, Failure> {
        Environment::catalog(self.definitions.as_deref())
    }

    /// What was named, or everything.
    pub fn of<'a>(&self, catalog: &'a Catalog) -> Result<Selected<'a>, Failure> {
        if self.is_empty() {
            return Ok(Selected { benchmarks: catalog.benchmarks().collect(), models: catalog.models().collect() });
        }
        let mut selected = Selected::default();
        for name in &self.names {
            let benchmark = name.parse::<BenchmarkId>().ok().map(|id| catalog.benchmark(&id));
            match (benchmark, model(name, catalog)) {
                (Some(Ok(benchmark)), _) => selected.benchmarks.push(benchmark),
                (_, Some(model)) => selected.models.push(model),
                (Some(Err(error)), None) => return Err(Failure::Usage(error.into())),
                (None, None) => return Err(usage(format!("{name:?} is neither a benchmark nor a base model"))),
            }
        }
        for name in &self.models {
            let id = name.parse::<BaseModelId>().usage()?;
            selected.models.push(catalog.model(&id).usage()?);
        }
        Ok(selected)
    }

    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.models.is_empty()
    }
}

fn model<'a>(name: &str, catalog: &'a Catalog) -> Option<&'a BaseModelDefinition> {
    catalog.model(&name.parse().ok()?).ok()
}

/// The files of a base model on the hub; none where it is part of the program.
pub fn snapshot<'a>(model: &'a BaseModelDefinition, environment: &Environment) -> Option<Snapshot<'a>> {
    match &model.source {
        BaseModelSource::Embedded => None,
        BaseModelSource::Hub { repo, revision, gated } => Some(Snapshot {
            repository: repo,
            revision: revision.as_deref().unwrap_or("main"),
            licence_page: gated.as_ref().map(|gate| gate.licence_page.as_str()),
            folder: environment.cache.models().join(model.folder_name()),
        }),
    }
}
