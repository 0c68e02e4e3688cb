//! Columns: the benchmarks and base models of a leaderboard, and what their numbers are about.

use std::collections::{BTreeMap, BTreeSet};

use ptb_core::evaluation::MetricsProvenance;
use ptb_core::ids::{BaseModelId, BenchmarkId};
use serde::Serialize;

use crate::results::RunSummary;

/// A benchmark of the leaderboard.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// The benchmark.
    pub id: BenchmarkId,
    /// Its name for people.
    pub title: String,
    /// What its scores measure.
    pub metric: &'static str,
    /// What the column's numbers are about: one entry when all are comparable.
    pub measured: BTreeSet<Measured>,
}

/// What makes two numbers comparable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Measured {
    /// SHA-256 of the prompt wordings and settings.
    pub pack: String,
    /// SHA-256 of the test data.
    pub data: String,
    /// Which scorer.
    pub scorer: String,
    /// Number of samples asked for.
    pub samples: u32,
}

impl From<&MetricsProvenance> for Measured {
    fn from(provenance: &MetricsProvenance) -> Self {
        Self {
            pack: provenance.pack.clone(),
            data: provenance.data.clone(),
            scorer: provenance.scorer.clone(),
            samples: provenance.samples,
        }
    }
}

/// A base model of the leaderboard.
#[derive(Debug, Clone, Serialize)]
pub struct BaseModel {
    /// The model.
    pub id: BaseModelId,
    /// Its name for people.
    pub title: String,
}

impl Column {
    /// The benchmarks of the runs, by id.
    pub fn all(runs: &[RunSummary]) -> Vec<Self> {
        let mut columns: BTreeMap<&BenchmarkId, Column> = BTreeMap::new();
        for run in runs {
            let column = columns.entry(&run.task.benchmark).or_insert_with(|| Column {
                id: run.task.benchmark.clone(),
                title: run.benchmark_title.clone(),
                metric: run.metric,
                measured: BTreeSet::new(),
            });
            column.measured.extend(run.measured.as_ref().map(Measured::from));
        }
        columns.into_values().collect()
    }

    /// Whether numbers that are not comparable share the column.
    pub fn is_mixed(&self) -> bool {
        self.measured.len() > 1
    }
}

impl BaseModel {
    /// The base models of the runs, by id.
    pub fn all(runs: &[RunSummary]) -> Vec<Self> {
        let titles: BTreeMap<_, _> = runs.iter().map(|run| (&run.task.base_model, &run.base_model_title)).collect();
        titles.into_iter().map(|(id, title)| Self { id: id.clone(), title: title.clone() }).collect()
    }
}
