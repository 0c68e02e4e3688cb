//! The harness files an agent finds in its workspace.
//!
//! They are written once into the run folder and copied from there into the workspace, so that the audit can compare
//! what the agent left with what it was given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ptb_core::definitions::Template;
use ptb_core::files::{self, FileError, IoContext};
use ptb_core::run::RunSpec;

const TIMER: &str = include_str!("../../../definitions/harness/timer.sh");
const EVALUATE: &str = include_str!("../../../definitions/harness/evaluate.py");

/// Writes the untouched harness files of a run into `folder`.
pub fn lay_out(folder: &Path, spec: &RunSpec, instructions: &str) -> Result<(), FileError> {
    write(folder, "instructions.md", instructions, 0o644)?;
    write(folder, "timer.sh", TIMER, 0o755)?;
    write(folder, "evaluate.py", &EVALUATE.replace("@BENCHMARK@", spec.benchmark.id.as_str()), 0o755)?;
    for template in Template::ALL {
        write(folder, &format!("templates/{template}.jinja"), template.source(), 0o644)?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, content: &str, mode: u32) -> Result<(), FileError> {
    let path = folder.join(name);
    files::write_atomic(&path, content.as_bytes())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).with_path("make executable", &path)
}
