//! Checkpoint folders in the form of Hugging Face, read as hostile input.
//!
//! Only `config.json`, `generation_config.json`, `tokenizer.json` and safetensors files are ever opened; code, pickles
//! and chat templates in the folder are not looked at. Every file is bounded in size and must lie in the folder.

mod error;
mod folder;
mod generation_config;
mod names;
mod open;
mod tensors;
mod weight_file;

pub use error::{CheckpointError, Problem};
pub use generation_config::{GenerationConfig, GenerationConfigError};
pub use open::Checkpoint;
