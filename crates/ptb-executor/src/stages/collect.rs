//! Collect: copies the submission out of the hostile workspace and archives the rest.
//!
//! Nothing is followed out of the workspace: the kernel resolves every path beneath the workspace's own descriptor
//! (`openat2` with `RESOLVE_BENEATH`), only plain files are copied, and a hard link counts only if all its names lie
//! inside.

mod archive;
mod submission;

use ptb_core::files;
use ptb_core::run::{RunFolder, RunSpec};
use serde::{Deserialize, Serialize};

use super::StageError;

/// `collection.json`: what was collected and what was not.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The files of the submission.
    pub files: Vec<CollectedFile>,
    /// What stands in `final_model` and was not copied.
    pub refused: Vec<LeftOut>,
    /// What is in the workspace and not in the archive, such as weights.
    pub not_archived: Vec<LeftOut>,
    /// How many more were not archived than are listed.
    pub not_archived_unlisted: u64,
}

/// A file of the submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedFile {
    /// Path relative to the submission.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Something that was not copied, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Path relative to the workspace.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl Collection {
    /// Whether there is anything to evaluate.
    pub fn submitted(&self) -> bool {
        !self.files.is_empty()
    }
}

pub fn run(folder: &RunFolder, spec: &RunSpec) -> Result<String, StageError> {
    let draft = folder.scratch().join("submission");
    let mut collection = submission::copy(&folder.workspace(), &draft, spec.budget.submission_bytes)?;
    archive::write(&folder.workspace(), &folder.workspace_archive(), &mut collection)?;
    files::remove_all(&folder.submission())?;
    if collection.submitted() {
        files::publish(&draft, &folder.submission())?;
    }
    files::write_json(&folder.collection_path(), &collection)?;
    let bytes: u64 = collection.files.iter().map(|file| file.bytes).sum();
    Ok(match (collection.submitted(), collection.refused.len()) {
        (false, 0) => "no final_model was left".to_owned(),
        (false, refused) => format!("nothing of final_model could be taken, {refused} entries were refused"),
        (true, refused) => {
            format!(
                "{} files with {bytes} bytes were submitted, {refused} entries were refused",
                collection.files.len()
            )
        }
    })
}
