//! Scoring a model on a benchmark.
//!
//! An evaluation walks its seeds. Every sample that is done is appended to the seed's `samples.jsonl` at once; starting
//! the same evaluation again takes these over and goes on. When the engine fails, the evaluation is tried again, in the
//! end with lower token limits.
//!
//! ```text
//! eval/failures.json            attempts in which the engine failed
//! eval/SEED/samples.jsonl       the samples as they finish
//! eval/SEED/log.json            the same in Inspect's log format, status `started` until the end
//! ```

mod asking;
mod cascade;
mod error;
mod grading;
mod journal;
mod metrics;
mod model;
mod plan;
mod provenance;
mod refresh;
mod report;
mod runner;
mod sample;
mod seed_metrics;
mod seed_run;

pub use cascade::{Rung, rungs};
pub use error::EvaluationError;
pub use metrics::{mean_with_error, wilson_interval};
pub use model::ModelIdentity;
pub use plan::{Plan, PlanError, PlanRequest};
pub use report::EvaluationReport;
pub use runner::{Progress, evaluate};
pub use sample::{Outcome, SampleRecord};
