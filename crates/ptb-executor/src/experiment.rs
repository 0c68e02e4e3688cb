//! The file that names a matrix of runs, and its expansion into run specs.

use std::collections::BTreeMap;
use std::path::Path;

use ptb_core::definitions::{AgentDefinition, Catalog, DefinitionError, Pack};
use ptb_core::engine::EngineName;
use ptb_core::files::{self, FileError};
use ptb_core::ids::{AgentId, BaseModelId, BenchmarkId, ExperimentName, RunId, Task};
use ptb_core::run::{Budget, EvaluationSettings, FORMAT, RunKind, RunSpec, SandboxKind};
use ptb_core::seed::FINAL_SEEDS;
use serde::{Deserialize, Serialize};
use thiserror::Error;

const GIB: u64 = 1 << 30;

/// An experiment: agents x base models x benchmarks x replicates, and how they are run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name.
    pub name: ExperimentName,
    /// The agents.
    pub agents: Vec<AgentId>,
    /// The base models.
    pub models: Vec<BaseModelId>,
    /// The benchmarks.
    pub benchmarks: Vec<BenchmarkId>,
    /// Passes of each agent over all tasks.
    #[serde(default = "one")]
    pub replicates: u32,
    /// The pack of prompt wordings.
    #[serde(default = "default_pack")]
    pub pack: String,
    /// How agents are isolated.
    #[serde(default = "namespaces")]
    pub sandbox: SandboxKind,
    /// What limits each agent.
    pub budget: ExperimentBudget,
    /// How submissions are evaluated.
    #[serde(default)]
    pub evaluation: ExperimentEvaluation,
    /// Where runs are started.
    #[serde(default)]
    pub executor: LocalSettings,
}

/// What limits each agent of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentBudget {
    /// Wall-clock seconds of each agent.
    pub seconds: f64,
    /// Seconds between TERM and the end of every process.
    #[serde(default = "default_grace")]
    pub grace_seconds: f64,
    /// Memory of each agent in GiB; without it, what the machine has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gib: Option<f64>,
    /// Processes and threads of each agent at one time.
    #[serde(default = "default_processes")]
    pub processes: u32,
    /// Largest submission in GiB.
    #[serde(default = "default_submission")]
    pub submission_gib: f64,
}

/// How submissions are evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentEvaluation {
    /// Seeds of the final evaluation; without them, the field's five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Vec<u64>>,
    /// Evaluate only so many items; for tests and trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What generates the answers.
    #[serde(default)]
    pub engine: EngineName,
}

/// Runs are started as processes on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalSettings {
    /// Runs at one time.
    pub slots: usize,
}

impl Default for LocalSettings {
    fn default() -> Self {
        Self { slots: 1 }
    }
}

fn one() -> u32 {
    1
}

fn default_pack() -> String {
    "default".to_owned()
}

fn namespaces() -> SandboxKind {
    SandboxKind::Namespaces
}

fn default_grace() -> f64 {
    30.0
}

fn default_processes() -> u32 {
    4096
}

fn default_submission() -> f64 {
    32.0
}

/// An experiment that cannot be run. Nothing was started.
#[derive(Debug, Error)]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file's content is wrong.
    #[error("the experiment {file} is wrong: {cause}")]
    Content {
        /// The file.
        file: String,
        /// What the parser says, with line and column.
        cause: Box<toml::de::Error>,
    },
    /// A name that nobody defined.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A value out of its range.
    #[error("the experiment {name} is wrong: {problem}")]
    Value {
        /// The experiment.
        name: ExperimentName,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

impl Experiment {
    /// Parses an experiment; `file` is named in errors.
    pub fn parse(file: &str, content: &str) -> Result<Self, ExperimentError> {
        let experiment: Self = toml::from_str(content)
            .map_err(|cause| ExperimentError::Content { file: file.to_owned(), cause: Box::new(cause) })?;
        experiment.check()?;
        Ok(experiment)
    }

    /// Reads an experiment file.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        Self::parse(&path.display().to_string(), &files::read_text(path)?)
    }

    fn check(&self) -> Result<(), ExperimentError> {
        const MONTH: f64 = 31.0 * 24.0 * 3600.0;
        let positive = |value: f64, most: f64| value > 0.0 && value <= most;
        let budget = &self.budget;
        let problem = if self.agents.is_empty() || self.models.is_empty() || self.benchmarks.is_empty() {
            "agents, models and benchmarks need at least one name each"
        } else if self.replicates == 0 {
            "replicates must be at least 1"
        } else if !positive(budget.seconds, MONTH) {
            "budget.seconds must be above 0 and at most a month"
        } else if !(0.0..=3600.0).contains(&budget.grace_seconds) {
            "budget.grace_seconds must be between 0 and 3600"
        } else if !budget.memory_gib.is_none_or(|memory| positive(memory, 1e6)) || !positive(budget.submission_gib, 1e6)
        {
            "sizes in GiB must be above 0"
        } else if budget.processes < 16 {
            "budget.processes must be at least 16"
        } else if self.executor.slots == 0 {
            "executor.slots must be at least 1"
        } else if self.evaluation.limit == Some(0) {
            "evaluation.limit must be at least 1; leave it out for all items"
        } else if self.evaluation.seeds.as_ref().is_some_and(Vec::is_empty) {
            "evaluation.seeds needs at least one seed; leave it out for the field's five"
        } else {
            return Ok(());
        };
        Err(ExperimentError::Value { name: self.name.clone(), problem: problem.to_owned() })
    }

    /// The run specs of the matrix: for each task its baseline, then the agents' runs by replicate.
    pub fn expand(&self, catalog: &Catalog) -> Result<Vec<RunSpec>, ExperimentError> {
        let pack = catalog.pack(&self.pack)?;
        let agents: Vec<_> = self.agents.iter().map(|id| catalog.agent(id)).collect::<Result<_, _>>()?;
        let mut baselines = BTreeMap::new();
        let mut specs = Vec::new();
        for task in self.tasks() {
            let spec = self.spec(catalog, pack, &task, 1, None)?;
            baselines.insert(task, spec.id);
            specs.push(spec);
        }
        for replicate in 1..=self.replicates {
            for task in self.tasks() {
                for agent in &agents {
                    let mut spec = self.spec(catalog, pack, &task, replicate, Some((*agent).clone()))?;
                    spec.baseline = baselines.get(&task).copied();
                    specs.push(spec);
                }
            }
        }
        Ok(specs)
    }

    fn tasks(&self) -> impl Iterator<Item = Task> + '_ {
        self.models.iter().flat_map(|base_model| {
            self.benchmarks
                .iter()
                .map(|benchmark| Task { benchmark: benchmark.clone(), base_model: base_model.clone() })
        })
    }

    fn spec(
        &self,
        catalog: &Catalog,
        pack: &Pack,
        task: &Task,
        replicate: u32,
        agent: Option<AgentDefinition>,
    ) -> Result<RunSpec, ExperimentError> {
        let benchmark = catalog.benchmark(&task.benchmark)?;
        let prompt = pack.prompts.get(benchmark.prompt_name()).ok_or_else(|| ExperimentError::Value {
            name: self.name.clone(),
            problem: format!("the pack {:?} has no wording for {}: choose another pack", pack.id, task.benchmark),
        })?;
        Ok(RunSpec {
            format: FORMAT,
            id: RunId::generate(),
            experiment: self.name.clone(),
            kind: if agent.is_some() { RunKind::Agent } else { RunKind::Baseline },
            replicate,
            agent,
            base_model: catalog.model(&task.base_model)?.clone(),
            benchmark: benchmark.clone(),
            pack: pack.id.clone(),
            prompt: prompt.clone(),
            budget: self.budget.resolve(),
            sandbox: self.sandbox,
            evaluation: EvaluationSettings {
                seeds: self.evaluation.seeds.clone().unwrap_or_else(|| FINAL_SEEDS.to_vec()),
                limit: self.evaluation.limit,
                engine: self.evaluation.engine,
            },
            baseline: None,
            ptb_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

impl ExperimentBudget {
    fn resolve(&self) -> Budget {
        let bytes = |gib: f64| (gib * GIB as f64) as u64;
        Budget {
            seconds: self.seconds,
            grace_seconds: self.grace_seconds,
            memory_bytes: self.memory_gib.map(bytes),
            processes: Some(self.processes),
            submission_bytes: bytes(self.submission_gib),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
        name = 'trial'
        agents = ['recipe-sft', 'cheat-testset']
        models = ['micro-base']
        benchmarks = ['micro-math', 'micro-format']
        replicates = 3
        budget.seconds = 60
    ";

    fn problem_of(content: &str) -> String {
        let experiment = Experiment::parse("trial.toml", content);
        let expanded = experiment.and_then(|experiment| experiment.expand(&Catalog::embedded()?));
        expanded.unwrap_err().to_string()
    }

    #[test]
    fn the_matrix_has_one_baseline_for_each_task_and_all_runs_point_to_it() {
        let experiment = Experiment::parse("trial.toml", GOOD).unwrap();
        let specs = experiment.expand(&Catalog::embedded().unwrap()).unwrap();
        let (baselines, runs): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.kind == RunKind::Baseline);
        assert_eq!((baselines.len(), runs.len()), (2, 12));
        for run in runs {
            let baseline = baselines.iter().find(|baseline| Some(baseline.id) == run.baseline).unwrap();
            assert_eq!(baseline.task(), run.task());
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place_and_a_way_out() {
        let misspelt = GOOD.replace("replicates", "replicats");
        assert!(problem_of(&misspelt).contains("replicats") && problem_of(&misspelt).contains("trial.toml"));
        let unknown = problem_of(&GOOD.replace("recipe-sft", "recipe-stf"));
        assert!(unknown.contains("did you mean \"recipe-sft\"?"), "{unknown}");
        for (from, to, part) in [
            ("seconds = 60", "seconds = 0", "budget.seconds"),
            ("seconds = 60", "seconds = nan", "budget.seconds"),
            ("seconds = 60", "seconds = 'x'", "line 7"),
            ("replicates = 3", "replicates = 0", "replicates"),
            ("replicates = 3", "replicates = 99999999999", "replicates"),
            ("['micro-base']", "[]", "at least one name"),
            ("'trial'", "'../trial'", "name"),
        ] {
            let problem = problem_of(&GOOD.replace(from, to));
            assert!(problem.contains(part), "{to}: {problem}");
        }
    }
}
