//! Where weights come from: the tensors of a submission beside those of the base model and of known others.
//!
//! [`checkpoint`] reads the headers of safetensors files as hostile input, [`compare`] streams two tensors past each other
//! in bounded memory, [`report`] draws the conclusion, [`findings`] states it.

mod checkpoint;
mod compare;
mod findings;
mod report;

pub use checkpoint::{LineageError, LineageProblem};
pub use compare::TensorComparison;
pub(crate) use findings::findings;
pub use report::{KnownDistance, LineageClass, LineageReport, lineage};
