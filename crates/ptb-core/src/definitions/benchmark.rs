//! Benchmarks.

use serde::{Deserialize, Serialize};

use super::data::{DataDefinition, FieldMapping};
use crate::ids::BenchmarkId;

/// `definitions/benchmarks/*.toml`: data, solver, scorer and metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchmarkDefinition {
    /// The benchmark.
    pub id: BenchmarkId,
    /// Name for people.
    pub title: String,
    /// What it asks, in a sentence.
    pub description: String,
    /// Where the items come from.
    pub data: DataDefinition,
    /// Which fields of a row mean what.
    pub fields: FieldMapping,
    /// Order of the items. A limit takes the first ones of this order.
    #[serde(default)]
    pub order: SampleOrder,
    /// The pack's wording that is used, where it is not called like the benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How an item becomes a request.
    #[serde(default)]
    pub solver: Solver,
    /// Worked examples in front of each question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewshot: Option<FewShot>,
    /// How an answer becomes a score.
    pub scorer: ScorerDefinition,
    /// How scores become one number.
    pub metric: MetricName,
    /// Token limits of an answer: the default, and what is tried when the evaluation fails.
    pub max_tokens: Vec<u32>,
    /// Most requests at one time; servers are asked for fewer when they cannot take as many.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// Generation parameters that are sent. None by default, so that the model's `generation_config.json` rules.
    #[serde(default, skip_serializing_if = "SamplingOverrides::is_empty")]
    pub sampling: SamplingOverrides,
    /// Whether grading calls a paid LLM.
    #[serde(default)]
    pub grading_costs_money: bool,
    /// The LLM that grades, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeSettings>,
}

impl BenchmarkDefinition {
    /// The name of the wording in a pack.
    pub fn prompt_name(&self) -> &str {
        self.prompt.as_deref().unwrap_or(self.id.as_str())
    }
}

fn default_concurrency() -> u32 {
    256
}

/// Order of the items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleOrder {
    /// That of the data.
    #[default]
    File,
    /// Python's `random.Random(seed).shuffle` of the data's order.
    PythonShuffle(u64),
}

/// How an item becomes a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// One user message in the pack's words.
    #[default]
    Question,
    /// The same, with lettered choices.
    MultipleChoice,
    /// The item's own conversation, unchanged.
    Conversation,
    /// The item's own conversation, with the item's tools.
    FunctionCall,
}

/// Generation parameters of a request; what is absent is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingOverrides {
    /// Sampling temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Number of tokens that are sampled from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
}

impl SamplingOverrides {
    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The LLM that grades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeSettings {
    /// Model name in requests.
    pub model: String,
    /// Address of the OpenAI-compatible API, without `/chat/completions`.
    pub base_url: String,
    /// Environment variable that holds the key.
    pub key_variable: String,
    /// Token limit of a judge's answer, its thinking included.
    pub max_completion_tokens: u32,
    /// How much the judge thinks, where it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// Most requests at one time.
    pub concurrency: u32,
    /// Most requests a minute; no limit of our own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Attempts until the reply counts as unusable.
    pub attempts: u32,
    /// What its tokens cost.
    pub prices: TokenPrices,
}

/// Prices of a model's tokens in dollars per million, as its provider published them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPrices {
    /// Day on which they were read, `YYYY-MM-DD`.
    pub date: String,
    /// Where they were read.
    pub source: String,
    /// Tokens of the prompt.
    pub input: f64,
    /// Tokens of the prompt that the provider had cached.
    pub cached_input: f64,
    /// Tokens of the answer, thinking included.
    pub output: f64,
}

/// Worked examples from the train split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewShot {
    /// Rows of the train split, counted from 0, in the order shown.
    pub rows: Vec<u32>,
}

/// How an answer becomes a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScorerDefinition {
    /// The last word that is a number equals the target exactly.
    Numeric {
        /// Whether the number may stand in `\boxed{}`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        boxed: bool,
        /// Whether the number must stand on the line of the last `ANSWER:`, whatever the reference would accept.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        after_marker: bool,
    },
    /// The whole answer, without surrounding white space, equals the target.
    ExactText,
    /// The letter of the answer line is that of the right choice.
    MultipleChoice,
    /// The function call equals the expected one, arguments by value and type.
    FunctionCall,
    /// The code passes the item's tests.
    CodeExecution {
        /// Seconds for one answer.
        seconds: u32,
        /// Memory of one answer, in MiB.
        memory_mib: u32,
    },
    /// A judge says for each criterion whether the answer meets it: points achieved over points possible.
    Rubric,
    /// A judge compares the answer with a baseline's, in both orders.
    Pairwise {
        /// How often a strong verdict counts.
        strong_weight: u32,
    },
}

impl ScorerDefinition {
    /// The name used in definitions and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Numeric { .. } => "numeric",
            Self::ExactText => "exact-text",
            Self::MultipleChoice => "multiple-choice",
            Self::FunctionCall => "function-call",
            Self::CodeExecution { .. } => "code-execution",
            Self::Rubric => "rubric",
            Self::Pairwise { .. } => "pairwise",
        }
    }
}

/// How scores become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// Share of right answers.
    Accuracy,
    /// Mean score, clipped to 0..1, with a bootstrap standard error.
    ClippedMean,
    /// Share of weighted votes won, with a standard error over the votes.
    WinRate,
}

impl MetricName {
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            // The field's scripts call each of them so.
            MetricName::Accuracy | MetricName::ClippedMean | MetricName::WinRate => "accuracy",
        }
    }
}
