//! YAML 1.1 as `PyYAML`'s `safe_load` reads it.
//!
//! The reference takes arguments that do not begin with a brace for the YAML of the first argument, so `yes` is a boolean,
//! `010` is 8, `1e3` is a text, and a text that is no YAML stands for itself. Three steps: [`scanner`] makes tokens,
//! [`parser`] makes a tree, [`construct`] makes values.

mod characters;
mod construct;
mod cursor;
mod parser;
mod resolve;
mod scalars;
mod scanner;
mod simple_keys;
mod tags;
mod timestamp;
mod token;

use thiserror::Error;

use super::python::Value;

/// Why a text has no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum YamlError {
    /// The text is no YAML, or one that `PyYAML` refuses; the reference takes it as it stands.
    #[error("not YAML: {0}")]
    Refused(&'static str),
    /// `PyYAML` raises something that the reference does not catch.
    #[error("{0}")]
    Raised(String),
    /// A part of YAML that is not read here.
    #[error("{0} is not supported in YAML arguments")]
    Unsupported(&'static str),
}

/// Collections in one another that `PyYAML` still reads; its interpreter's stack ends there.
const MAX_DEPTH: usize = 430;

fn too_deep() -> YamlError {
    YamlError::Raised("RecursionError: maximum recursion depth exceeded".to_owned())
}

/// The value of a YAML text.
pub(crate) fn load(text: &str) -> Result<Value, YamlError> {
    if !text.chars().all(characters::is_allowed) {
        return Err(YamlError::Refused("a character that YAML does not allow"));
    }
    let tokens = scanner::scan(text)?;
    match parser::parse(tokens)? {
        Some(node) => construct::construct(&node),
        None => Ok(Value::None),
    }
}
