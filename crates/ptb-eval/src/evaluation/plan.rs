//! What is evaluated and how, settled before anything runs.

use std::collections::HashSet;

use ptb_core::definitions::{BenchmarkDefinition, PromptWording, Split};
use ptb_core::{files, seed};
use thiserror::Error;

use super::cascade::{Rung, rungs};
use super::model::ModelIdentity;
use crate::data::{DataError, DataStore, Item, hash_items, show_choices};
use crate::engine::ChatRequest;
use crate::prompt::{PromptError, Prompter};
use crate::scorer::Scorer;

/// Inspect counts epochs from 1; an evaluation here has one epoch for each seed.
const EPOCH: u32 = 1;
/// Every solver here asks once.
const FIRST_CALL: u32 = 0;

/// What is asked of an evaluation.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The benchmark.
    pub benchmark: &'a BenchmarkDefinition,
    /// How it is worded.
    pub wording: &'a PromptWording,
    /// The model.
    pub model: &'a ModelIdentity,
    /// Seeds; only the first is used when decoding is greedy.
    pub seeds: &'a [u64],
    /// The first so many items only; a limit above the number of items is no limit.
    pub limit: Option<u32>,
    /// One token limit in place of the benchmark's.
    pub max_tokens: Option<u32>,
}

/// An evaluation that cannot begin.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The wording does not fit.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// There is nothing to ask.
    #[error("{0} has no items")]
    NoItems(String),
    /// Nothing was asked for.
    #[error("a limit of 0 leaves nothing to evaluate: leave the limit out to evaluate everything")]
    ZeroLimit,
    /// No seed.
    #[error("an evaluation needs at least one seed")]
    NoSeeds,
    /// A seed that appears twice would count twice.
    #[error("the seed {0} is given twice")]
    RepeatedSeed(u64),
    /// No token limit.
    #[error("{0} has no usable token limit: give its definition a `max_tokens` of at least one number above 0")]
    NoTokenLimit(String),
    /// Two items have one id.
    #[error("the item id {0:?} occurs twice")]
    DuplicateId(String),
    /// A target that the scorer cannot compare with.
    #[error("the target {target:?} of {id} is none for the {scorer} scorer: correct the data or the definition")]
    Target {
        /// The item.
        id: String,
        /// Its target.
        target: String,
        /// The scorer.
        scorer: &'static str,
    },
}

/// An evaluation that can begin.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) benchmark: BenchmarkDefinition,
    pub(crate) model: ModelIdentity,
    pub(crate) items: Vec<Item>,
    pub(crate) prompter: Prompter,
    /// None where a grader decides.
    pub(crate) scorer: Option<Scorer>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) rungs: Vec<Rung>,
    pub(crate) limit: Option<u32>,
    pub(crate) data_hash: String,
}

impl Plan {
    /// A plan on the test data of the store.
    pub fn load(store: &DataStore, request: &PlanRequest<'_>) -> Result<Self, PlanError> {
        let mut items = store.items(request.benchmark, Split::Test)?;
        if let Some(order) = request.wording.choice_order {
            show_choices(&mut items, order, request.wording.missing_values);
        }
        let examples = store.examples(request.benchmark)?;
        Self::new(request, items, &examples)
    }

    /// A plan on the given items; `examples` are shown in front of each question, in this order.
    pub fn new(request: &PlanRequest<'_>, items: Vec<Item>, examples: &[Item]) -> Result<Self, PlanError> {
        let PlanRequest { benchmark, wording, model, seeds, limit, max_tokens } = *request;
        let prompter = Prompter::new(benchmark, wording, examples)?;
        let scorer = Scorer::strict(&benchmark.scorer);
        check_seeds(seeds)?;
        check_items(benchmark, &items, scorer)?;
        let limits = max_tokens.map_or_else(|| benchmark.max_tokens.clone(), |limit| vec![limit]);
        if limits.is_empty() || limits.contains(&0) {
            return Err(PlanError::NoTokenLimit(benchmark.id.to_string()));
        }
        let data_hash = hash_items(&items);
        Ok(Self {
            benchmark: benchmark.clone(),
            model: model.clone(),
            items: limited(items, limit)?,
            prompter,
            scorer,
            seeds: seeds.to_vec(),
            rungs: rungs(&limits),
            limit,
            data_hash,
        })
    }

    /// The items that are asked.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The request for the item at `index`.
    pub fn request(&self, index: usize, max_tokens: u32, seed: u64) -> ChatRequest {
        let item = &self.items[index];
        ChatRequest {
            messages: self.prompter.messages(item),
            tools: item.tools.clone(),
            max_tokens,
            seed,
            sampling: self.benchmark.sampling,
        }
    }

    /// The seed of the request for the item at `index` in the evaluation's seed `run_seed`.
    pub fn request_seed(&self, run_seed: u64, index: usize) -> u64 {
        seed::derive(run_seed, &self.items[index].id, EPOCH, FIRST_CALL)
    }

    /// The token limit of the first attempts.
    pub fn max_tokens(&self) -> u32 {
        self.rungs[0].max_tokens
    }

    /// The benchmark.
    pub fn benchmark(&self) -> &BenchmarkDefinition {
        &self.benchmark
    }

    /// The prompter of the items.
    pub fn prompter(&self) -> &Prompter {
        &self.prompter
    }

    /// SHA-256 of everything that decides the answers and scores, seed and token limit apart.
    pub(crate) fn hash(&self, engine: &str) -> String {
        let sample_ids: Vec<_> = self.items.iter().map(|item| &item.id).collect();
        let mut settings = serde_json::json!({
            "format": 1,
            "benchmark": self.benchmark.id,
            "data": self.data_hash,
            "engine": engine,
            "model": self.model.hash,
            "pack": self.prompter.hash(),
            "samples": sample_ids,
            "scorer": self.benchmark.scorer.name(),
            "sampling": self.benchmark.sampling,
        });
        settings.sort_all_objects();
        files::sha256(settings.to_string().as_bytes())
    }
}

fn check_seeds(seeds: &[u64]) -> Result<(), PlanError> {
    if seeds.is_empty() {
        return Err(PlanError::NoSeeds);
    }
    let mut distinct = HashSet::new();
    match seeds.iter().find(|seed| !distinct.insert(**seed)) {
        Some(repeated) => Err(PlanError::RepeatedSeed(*repeated)),
        None => Ok(()),
    }
}

fn check_items(benchmark: &BenchmarkDefinition, items: &[Item], scorer: Option<Scorer>) -> Result<(), PlanError> {
    if items.is_empty() {
        return Err(PlanError::NoItems(benchmark.id.to_string()));
    }
    let mut ids = HashSet::new();
    for item in items {
        if !ids.insert(&item.id) {
            return Err(PlanError::DuplicateId(item.id.clone()));
        }
        if scorer.is_some_and(|scorer| !scorer.accepts(item)) {
            let (id, target) = (item.id.clone(), item.target.clone());
            return Err(PlanError::Target { id, target, scorer: benchmark.scorer.name() });
        }
    }
    Ok(())
}

fn limited(mut items: Vec<Item>, limit: Option<u32>) -> Result<Vec<Item>, PlanError> {
    if limit == Some(0) {
        return Err(PlanError::ZeroLimit);
    }
    items.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    Ok(items)
}
