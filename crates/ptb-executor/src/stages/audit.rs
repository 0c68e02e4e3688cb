use ptb_core::run::{RunFolder, RunSpec};

use super::StageError;
use crate::worker::Equipment;

pub fn run(_folder: &RunFolder, _spec: &RunSpec, _equipment: &Equipment) -> Result<String, StageError> {
    Err(StageError::Audit("not yet".to_owned()))
}
