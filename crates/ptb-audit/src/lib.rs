//! Detectors, lineage and verdicts of PostTrainBench.
//!
//! [`audit`] takes what a run left and returns findings and a verdict; [`scan`] and [`lineage`] are two of its detectors on
//! their own. Everything that is read was left by an agent and is treated as hostile: it is never run, never followed out
//! of its folder, and read in bounded memory.
//!
//! | module | subject |
//! |---|---|
//! | [`policy`] | every threshold, and what follows from findings |
//! | `workspace`, `trace` | gathering evidence |
//! | `flow` | which files reached training |
//! | `overlap`, `scan` | test items in text |
//! | `contamination` | what overlap means, given the flow |
//! | `lineage` | where the weights come from |
//! | `tampering` | changed harness files, submissions with code |
//! | `render` | findings as text |

pub mod policy;

mod audit;
mod contamination;
mod excerpt;
mod flow;
mod item;
mod lineage;
mod overlap;
mod render;
mod scan;
mod tampering;
mod trace;
mod workspace;

pub use audit::{AuditInput, AuditReport, audit};
pub use item::{KnownModel, TestItem};
pub use lineage::{
    KnownDistance, LineageClass, LineageError, LineageProblem, LineageReport, TensorComparison, lineage,
};
pub use overlap::Field;
pub use policy::{Policy, decide};
pub use render::render;
pub use scan::{ScanError, ScanHit, ScanReport, scan};
