//! Keys of servers.

use std::fmt;
use std::path::Path;

use ptb_core::files::{self, FileError};
use thiserror::Error;

use super::HeaderValue;

/// Shorter texts are no keys, and removing them from messages would make these unreadable.
const SHORTEST: usize = 4;

/// A key. It is never shown, not even while debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// A key that cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The variable has no value.
    #[error("the environment variable {0} has no key: set it, or name another one")]
    Unset(String),
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was found is no key.
    #[error("{0} holds no key: a key is one line of printable ASCII characters without blanks, at least {SHORTEST}")]
    Malformed(String),
}

impl ApiKey {
    /// The key in an environment variable.
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        match std::env::var(variable) {
            Ok(text) if !text.trim().is_empty() => Self::new(&text, variable),
            Ok(_) | Err(std::env::VarError::NotPresent) => Err(KeyError::Unset(variable.to_owned())),
            Err(std::env::VarError::NotUnicode(_)) => Err(KeyError::Malformed(variable.to_owned())),
        }
    }

    /// The key in a file that holds nothing else.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        Self::new(&files::read_text(path)?, &path.display().to_string())
    }

    /// The key in a text; `origin` is named when it is none.
    pub fn new(text: &str, origin: &str) -> Result<Self, KeyError> {
        let key = text.trim();
        if key.len() < SHORTEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Malformed(origin.to_owned()));
        }
        Ok(Self(key.to_owned()))
    }

    /// The value of an `Authorization` header. Its content is not shown either.
    pub fn bearer(&self) -> HeaderValue {
        sensitive(&format!("Bearer {}", self.0))
    }

    /// The value of a header that is the key alone, such as `x-api-key`.
    pub fn plain(&self) -> HeaderValue {
        sensitive(&self.0)
    }

    /// The text without the key: servers like to repeat what they refuse.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

fn sensitive(text: &str) -> HeaderValue {
    // Printable ASCII always makes a header; should that change, the server says that the key is missing.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey([key])")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new(" sk-secret\n", "here").unwrap();
        assert_eq!(key.bearer(), "Bearer sk-secret");
        assert!(!format!("{key:?} {:?} {:?}", key.bearer(), key.plain()).contains("secret"));
        assert_eq!(key.redact("no such key: sk-secret!"), "no such key: [key]!");
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for malformed in ["", "\n", "abc", "two words", "umlaut-\u{e4}", "a\u{0}bcd"] {
            fs::write(&path, malformed).unwrap();
            let error = ApiKey::from_file(&path).unwrap_err().to_string();
            assert!(error.contains("key") && error.contains(folder.path().to_str().unwrap()), "{error}");
        }
        let error = ApiKey::from_env("PTB_TEST_NO_SUCH_KEY").unwrap_err().to_string();
        assert!(error.contains("PTB_TEST_NO_SUCH_KEY"), "{error}");
    }
}
