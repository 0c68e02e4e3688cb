//! Names and identifiers as types, so that an agent's name cannot be passed where a benchmark's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use ulid::Ulid;

/// Longest accepted name, in bytes.
const MAX_NAME: usize = 128;

/// A name that is not usable as an identifier.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "{kind} name {name:?} is not usable: names have 1 to {MAX_NAME} lower-case letters, digits, '.', '_', '-'{slash}, \
     and start with a letter or digit"
)]
pub struct InvalidName {
    kind: &'static str,
    name: String,
    slash: &'static str,
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
}

fn is_segment(segment: &str) -> bool {
    segment.bytes().all(is_name_byte) && segment.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, segments: $segments:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as one path component: `/` becomes `--`.
            pub fn to_component(&self) -> String {
                self.0.replace('/', "--")
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                let segments = name.split('/').count();
                if name.len() <= MAX_NAME && segments <= $segments && name.split('/').all(is_segment) {
                    return Ok(Self(name.to_owned()));
                }
                let slash = if $segments > 1 { ", one '/'" } else { "" };
                Err(InvalidName { kind: $kind, name: name.chars().take(MAX_NAME).collect(), slash })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                name.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// A benchmark, such as `gsm8k` or `micro-math`.
    BenchmarkId, "benchmark", segments: 1
);
name_type!(
    /// A base model, such as `qwen3-1.7b` or `micro-base`.
    BaseModelId, "base model", segments: 1
);
name_type!(
    /// An agent: scaffold and LLM, such as `claude-code/claude-opus-4-6`, or a scripted one, such as `recipe-sft`.
    AgentId, "agent", segments: 2
);
name_type!(
    /// An experiment.
    ExperimentName, "experiment", segments: 1
);

/// A run's identifier: a [ULID](https://github.com/ulid/spec), so that folders sort by creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(Ulid);

impl RunId {
    /// A new identifier of this millisecond.
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0.to_string())
    }
}

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, InvalidRunId> {
        Ulid::from_string(text).map(Self).map_err(|_| InvalidRunId(text.chars().take(40).collect()))
    }
}

/// Text that is not a run identifier.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0:?} is not a run id: a run id is a ULID of 26 characters")]
pub struct InvalidRunId(String);

/// What an agent is asked to do: raise one base model on one benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Task {
    /// The benchmark to raise.
    pub benchmark: BenchmarkId,
    /// The model to start from.
    pub base_model: BaseModelId,
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} x {}", self.benchmark, self.base_model)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_field_are_accepted() {
        for name in ["gsm8k", "micro-math", "qwen3-1.7b"] {
            assert_eq!(name.parse::<BenchmarkId>().unwrap().as_str(), name);
        }
        let agent: AgentId = "claude-code/claude-opus-4-6".parse().unwrap();
        assert_eq!(agent.to_component(), "claude-code--claude-opus-4-6");
    }

    #[test]
    fn names_that_could_leave_a_folder_are_refused() {
        for name in ["", ".", "..", "../x", "/etc", "a/", "a/../b", "A", "a b", "a\0", "ä", "-x"] {
            assert!(name.parse::<AgentId>().is_err(), "{name:?}");
        }
        assert!("a/b".parse::<BenchmarkId>().is_err());
        assert!("a/b/c".parse::<AgentId>().is_err());
        assert!("a".repeat(MAX_NAME + 1).parse::<AgentId>().is_err());
    }

    #[test]
    fn run_ids_sort_by_time_and_survive_text() {
        let id = RunId::generate();
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert!("not a ulid".parse::<RunId>().is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_a_safe_path_component(name in "\\PC{0,40}") {
            if let Ok(id) = name.parse::<AgentId>() {
                let component = id.to_component();
                prop_assert!(!component.contains('/') && !component.starts_with('.') && !component.is_empty());
            }
        }
    }
}
