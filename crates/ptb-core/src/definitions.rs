//! Benchmarks, base models, agents and packs as TOML files.
//!
//! The files of `definitions/` are embedded in the binary; a folder of the same shape can replace or add some. Unknown
//! keys are errors, so that a misspelt key cannot silently do nothing.

mod agent;
mod benchmark;
mod catalog;
mod data;
mod family;
mod model;
mod pack;

pub use agent::{AgentDefinition, Scaffold, ScriptStep};
pub use benchmark::{
    BenchmarkDefinition, FewShot, JudgeSettings, MetricName, SampleOrder, SamplingOverrides, ScorerDefinition, Solver,
    TokenPrices,
};
pub use catalog::{Catalog, DefinitionError};
pub use data::{
    AnswerKind, BaselineMapping, DataDefinition, DataFile, FieldMapping, FileSource, Fingerprint, HashedId, HubFile,
    MicroSet, PinnedFile, Split,
};
pub use family::{Family, Template, UnknownTemplate};
pub use model::{BaseModelDefinition, BaseModelSource, Gate};
pub use pack::{ChoiceOrder, JudgeWording, MissingValues, Pack, PromptWording};
