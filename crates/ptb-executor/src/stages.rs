//! What each stage does: one function each, from the run folder to the run folder.

mod agent;
mod audit;
mod collect;
mod evaluate;
mod prepare;
mod score;

pub use audit::audit_run;

use ptb_core::files::{self, FileError, IoContext};
use ptb_core::run::{RunFolder, RunFolderError, RunSpec};
use ptb_core::stage::Stage;
use thiserror::Error;

use crate::cache::CacheError;
use crate::worker::Equipment;

/// Why a stage has no result. All of these are the bench's failures, never the agent's.
#[derive(Debug, Error)]
pub enum StageError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another run's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The instructions cannot be written.
    #[error(transparent)]
    Instructions(#[from] ptb_agents::instructions::InstructionsError),
    /// A base model or a data set is missing.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The sandbox failed.
    #[error("the sandbox failed: {0}")]
    Sandbox(#[from] ptb_sandbox::SandboxError),
    /// Something outside ended the sandbox, so that nobody knows how the agent would have ended.
    #[error("the sandbox was ended from outside: start the worker again, and the agent begins afresh")]
    SandboxLost,
    /// The run's spec contradicts itself.
    #[error("the run's spec.json is wrong: {0}")]
    Spec(String),
    /// The evaluation failed for a reason that is not the submission's.
    #[error("{0}")]
    Evaluation(String),
    /// The audit failed.
    #[error("{0}")]
    Audit(String),
    /// The score of the base model is not known yet.
    #[error("the baseline run {0} has no score yet: let it finish, then start this worker again")]
    BaselineMissing(String),
}

/// Runs a stage. Returns one sentence about what it did.
pub fn run(stage: Stage, folder: &RunFolder, spec: &RunSpec, equipment: &Equipment) -> Result<String, StageError> {
    match stage {
        Stage::Prepare => prepare::run(folder, spec),
        Stage::Agent => agent::run(folder, spec, equipment),
        Stage::Collect => collect::run(folder, spec),
        Stage::Audit => audit::run(folder, spec, equipment),
        Stage::Evaluate => evaluate::run(folder, spec, equipment),
        Stage::Score => score::run(folder, spec),
    }
}

/// Empties the space for work in progress.
pub fn clear_scratch(folder: &RunFolder) -> Result<(), FileError> {
    let scratch = folder.scratch();
    remove_tree(&scratch)?;
    std::fs::create_dir_all(&scratch).with_path("create", &scratch)
}

/// Removes a tree in which an agent may have taken away permissions.
fn remove_tree(root: &std::path::Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt;
    if files::remove_all(root).is_ok() {
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(root).follow_links(false).contents_first(false).into_iter().flatten() {
        if entry.file_type().is_dir() {
            let _ = std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o700));
        }
    }
    files::remove_all(root)
}
