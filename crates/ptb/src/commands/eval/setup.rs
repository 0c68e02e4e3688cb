//! What is evaluated and how: the part of the command line that `--resume` remembers.

use std::path::{Path, PathBuf};

use clap::Args;
use ptb_core::definitions::{BenchmarkDefinition, Catalog, PromptWording};
use ptb_core::engine::EngineName;
use ptb_core::files;
use ptb_core::ids::BenchmarkId;
use ptb_core::seed::FINAL_SEEDS;
use ptb_eval::evaluation::{ModelIdentity, PlanRequest};
use ptb_eval::prompt::load_pack;
use serde::{Deserialize, Serialize};

use crate::commands::Environment;
use crate::failure::{Failure, Outcome, Sort, usage};

/// Below the log folder.
const FILE: &str = "evaluation.json";

/// What is evaluated and how.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct Setup {
    /// The benchmark
    #[arg(long, required_unless_present = "resume")]
    benchmark: Option<BenchmarkId>,
    /// A checkpoint folder, or the id of a base model; with --endpoint the name under which the server has it
    #[arg(long, value_name = "PATH|ID", required_unless_present = "resume")]
    model: Option<String>,
    /// What generates the answers
    #[arg(long, value_name = "NAME", default_value = "embedded", value_parser = engine_name)]
    pub engine: EngineName,
    /// An OpenAI-compatible server that has the model, with its path up to `/v1`
    #[arg(long, value_name = "URL", conflicts_with = "engine")]
    pub endpoint: Option<String>,
    /// Environment variable that holds the endpoint's key
    #[arg(long, value_name = "VARIABLE", requires = "endpoint")]
    pub endpoint_key_env: Option<String>,
    /// Wordings: a pack's name, or a pack file in TOML or JSON
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pack: String,
    /// Folder with further definitions
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Evaluate only the first items
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Seeds; only the first is used when decoding is greedy. Servers get a seed of each sample only when this is given
    /// [default: the first seed of the final evaluation]
    #[arg(long, value_delimiter = ',', value_name = "SEED")]
    seeds: Vec<u64>,
    /// Token limit of an answer [default: the benchmark's]
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Most requests at one time [default: the benchmark's]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<usize>,
    /// Share of the GPU's memory that a server may use; the embedded engine runs on the processor and ignores it
    #[arg(long, value_name = "SHARE")]
    pub gpu_memory_utilization: Option<f64>,
    /// Folder with chat templates; that of the model's family must be the one that the final evaluation uses
    #[arg(long, value_name = "DIR")]
    pub templates_dir: Option<PathBuf>,
}

fn engine_name(name: &str) -> Result<EngineName, String> {
    let names = || EngineName::ALL.map(EngineName::name).join(", ");
    EngineName::ALL.into_iter().find(|engine| engine.name() == name).ok_or_else(|| format!("engines are {}", names()))
}

impl Setup {
    /// The seeds, at least one.
    pub fn seeds(&self) -> &[u64] {
        if self.seeds.is_empty() { &FINAL_SEEDS[..1] } else { &self.seeds }
    }

    /// Whether requests to servers carry seeds.
    pub fn sends_seeds(&self) -> bool {
        !self.seeds.is_empty()
    }

    /// The model as it was named.
    pub fn model_name(&self) -> &str {
        self.model.as_deref().unwrap_or_default()
    }

    /// The model's name as part of a file name.
    pub fn model_component(&self) -> String {
        let safe = |char: char| if char.is_alphanumeric() || matches!(char, '.' | '-' | '_') { char } else { '-' };
        self.model_name().trim_matches('/').chars().map(safe).collect()
    }

    /// What the evaluation's plan is made of.
    pub fn request<'a>(&'a self, questions: &'a Questions, model: &'a ModelIdentity) -> PlanRequest<'a> {
        PlanRequest {
            benchmark: &questions.benchmark,
            wording: &questions.wording,
            model,
            seeds: self.seeds(),
            limit: self.limit,
            max_tokens: self.max_tokens,
        }
    }

    /// Stores what a later `--resume` needs, with paths that hold from any folder.
    pub fn store(&self, folder: &Path) -> Outcome {
        let mut stored = self.clone();
        stored.model = stored.model.map(|model| absolute_if_there(&model));
        stored.pack = absolute_if_there(&stored.pack);
        stored.definitions = stored.definitions.map(|path| std::path::absolute(&path).unwrap_or(path));
        stored.templates_dir = stored.templates_dir.map(|path| std::path::absolute(&path).unwrap_or(path));
        files::create_folder(folder).environment()?;
        files::write_json(&folder.join(FILE), &stored).environment()
    }
}

fn absolute_if_there(name: &str) -> String {
    let path = Path::new(name);
    let absolute = path.exists().then(|| std::path::absolute(path).ok()).flatten();
    absolute.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

/// The setup of the evaluation in a log folder.
pub fn resume(folder: &Path) -> Result<Setup, Failure> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Err(usage(format!("{} is no log folder of `ptb eval`: it has no {FILE}", folder.display())));
    }
    files::read_json(&path).usage()
}

/// The benchmark and how it is worded.
pub struct Questions {
    /// All definitions.
    pub catalog: Catalog,
    /// The benchmark.
    pub benchmark: BenchmarkDefinition,
    /// Its wording.
    pub wording: PromptWording,
}

impl Questions {
    pub fn find(setup: &Setup) -> Result<Self, Failure> {
        let catalog = Environment::catalog(setup.definitions.as_deref())?;
        let id = setup.benchmark.as_ref().ok_or_else(|| usage("name a benchmark with --benchmark"))?;
        let benchmark = catalog.benchmark(id).usage()?.clone();
        let pack = load_pack(&setup.pack, &catalog).usage()?;
        let wording =
            pack.prompts.get(benchmark.prompt_name()).cloned().ok_or_else(|| {
                usage(format!("the pack {} has no wording called {}", pack.id, benchmark.prompt_name()))
            })?;
        Ok(Self { catalog, benchmark, wording })
    }
}
