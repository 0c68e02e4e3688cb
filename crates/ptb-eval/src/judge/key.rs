//! Where a judge's key comes from.

use std::env;
use std::path::Path;
use std::process::Command;

use thiserror::Error;

use crate::http::{ApiKey, KeyError};

/// Why there is no key.
#[derive(Debug, Error)]
pub enum JudgeKeyError {
    /// Nothing says where it is.
    #[error(
        "the judge's key is missing: set {0}, or {0}_FILE to a file that holds it, or {0}_COMMAND to a command that \
         prints it"
    )]
    Missing(String),
    /// What was named holds no key.
    #[error(transparent)]
    Unusable(#[from] KeyError),
    /// The command did not print it.
    #[error("the command in {variable} gave no key: {problem}")]
    Command {
        /// The variable that names the command.
        variable: String,
        /// What happened.
        problem: String,
    },
}

/// The key for the variable that a definition names, for instance `OPENAI_API_KEY`: the variable's value; else the content
/// of the file named by `OPENAI_API_KEY_FILE`; else what the shell command in `OPENAI_API_KEY_COMMAND` prints.
pub fn find_judge_key(variable: &str) -> Result<ApiKey, JudgeKeyError> {
    find(variable, &|name| env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

fn find(variable: &str, value_of: &dyn Fn(&str) -> Option<String>) -> Result<ApiKey, JudgeKeyError> {
    let [file, command] = ["FILE", "COMMAND"].map(|suffix| format!("{variable}_{suffix}"));
    if let Some(key) = value_of(variable) {
        return Ok(ApiKey::new(&key, variable)?);
    }
    if let Some(path) = value_of(&file) {
        return Ok(ApiKey::from_file(Path::new(path.trim()))?);
    }
    match value_of(&command) {
        Some(line) => key_of_command(&line, command),
        None => Err(JudgeKeyError::Missing(variable.to_owned())),
    }
}

fn key_of_command(line: &str, variable: String) -> Result<ApiKey, JudgeKeyError> {
    let output = match Command::new("sh").args(["-c", line]).output() {
        Ok(output) if output.status.success() => output.stdout,
        Ok(output) => return Err(JudgeKeyError::Command { variable, problem: output.status.to_string() }),
        Err(error) => return Err(JudgeKeyError::Command { variable, problem: error.to_string() }),
    };
    Ok(ApiKey::new(&String::from_utf8_lossy(&output), &format!("the output of the command in {variable}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Result<ApiKey, JudgeKeyError> {
        find("KEY", &|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn a_key_is_found_in_a_variable_a_file_or_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "sk-1234\n").unwrap();
        for (name, value) in [("KEY", "sk-1234"), ("KEY_FILE", path.to_str().unwrap()), ("KEY_COMMAND", "echo sk-1234")]
        {
            assert_eq!(found(name, value).unwrap().bearer(), "Bearer sk-1234", "{name}");
        }
    }

    #[test]
    fn a_missing_key_is_asked_for_by_name() {
        let message = found("OTHER", "x").unwrap_err().to_string();
        assert!(message.contains("set KEY, or KEY_FILE") && message.contains("KEY_COMMAND"), "{message}");
    }

    #[test]
    fn a_command_that_fails_is_said_by_its_variable() {
        for command in ["exit 3", "printf ''", "no-such-command-here"] {
            let message = found("KEY_COMMAND", command).unwrap_err().to_string();
            assert!(message.contains("KEY_COMMAND"), "{message}");
        }
    }
}
