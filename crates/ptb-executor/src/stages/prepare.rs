//! Prepare: lays out what the agent will find.

use ptb_agents::{instructions, workspace};
use ptb_core::files;
use ptb_core::run::{RunFolder, RunSpec};

use super::StageError;

pub fn run(folder: &RunFolder, spec: &RunSpec) -> Result<String, StageError> {
    let text = instructions::instructions(spec)?;
    let draft = folder.scratch().join("prepared");
    workspace::lay_out(&draft, spec, &text)?;
    files::write_atomic(&folder.instructions(), text.as_bytes())?;
    files::remove_all(&folder.prepared())?;
    files::publish(&draft, &folder.prepared())?;
    Ok(format!("laid out the harness for {}", spec.task()))
}
