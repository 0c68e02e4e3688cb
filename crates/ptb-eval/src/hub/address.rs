//! Where the hub is and with which token it is asked.

use std::ffi::OsString;
use std::fmt::{self, Write as _};

/// The environment variable with an access token for the hub.
pub const TOKEN_VARIABLE: &str = "HF_TOKEN";
/// The environment variable with another address of the hub, such as a mirror's.
const ENDPOINT_VARIABLE: &str = "HF_ENDPOINT";
const ENDPOINT: &str = "https://huggingface.co";

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubKind {
    /// A data set.
    Dataset,
    /// A model.
    Model,
}

/// The hub as this machine reaches it.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
}

impl fmt::Debug for Hub {
    /// The token is not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "set");
        formatter.debug_struct("Hub").field("endpoint", &self.endpoint).field("token", &token).finish()
    }
}

impl Default for Hub {
    /// The public hub, asked without a token.
    fn default() -> Self {
        Self { endpoint: ENDPOINT.to_owned(), token: None }
    }
}

impl Hub {
    /// The hub that the environment names by `HF_ENDPOINT` and `HF_TOKEN`; `variable` looks a variable up.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| {
            variable(name)?.into_string().ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let endpoint = set(ENDPOINT_VARIABLE).unwrap_or_else(|| ENDPOINT.to_owned());
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), token: set(TOKEN_VARIABLE) }
    }

    /// The access token, if there is one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Address of a file of a repository at a revision.
    pub fn file(&self, kind: HubKind, repository: &str, revision: &str, file: &str) -> String {
        let folder = match kind {
            HubKind::Dataset => "datasets/",
            HubKind::Model => "",
        };
        format!("{}/{folder}{}/resolve/{}/{}", self.endpoint, escaped(repository), escaped(revision), escaped(file))
    }

    /// Address of the list of a repository's files at a revision.
    pub(crate) fn tree(&self, kind: HubKind, repository: &str, revision: &str) -> String {
        let kind = match kind {
            HubKind::Dataset => "datasets",
            HubKind::Model => "models",
        };
        format!("{}/api/{kind}/{}/tree/{}?recursive=true", self.endpoint, escaped(repository), escaped(revision))
    }

    /// Whether an address is on the hub, so that the token may be sent there.
    pub(crate) fn owns(&self, url: &str) -> bool {
        url.strip_prefix(&self.endpoint).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The page of a repository on the public hub, where its licence is accepted.
pub(crate) fn page(kind: HubKind, repository: &str) -> String {
    match kind {
        HubKind::Dataset => format!("{ENDPOINT}/datasets/{repository}"),
        HubKind::Model => format!("{ENDPOINT}/{repository}"),
    }
}

/// A path with everything but letters, digits, `/` and `-._~` percent-encoded.
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(set: &[(&str, &str)]) -> Hub {
        Hub::from_environment(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn addresses_name_the_revision() {
        let address = hub(&[]).file(HubKind::Dataset, "math-ai/aime25", "563bb84", "test.jsonl");
        assert_eq!(address, "https://huggingface.co/datasets/math-ai/aime25/resolve/563bb84/test.jsonl");
        let address = hub(&[]).file(HubKind::Model, "a/b", "c", "x y/é?.json");
        assert_eq!(address, "https://huggingface.co/a/b/resolve/c/x%20y/%C3%A9%3F.json");
    }

    #[test]
    fn the_environment_names_another_hub_and_a_token_that_is_never_shown() {
        let hub = hub(&[("HF_ENDPOINT", "http://127.0.0.1:9/"), ("HF_TOKEN", " hf_secret\n")]);
        assert_eq!(hub.tree(HubKind::Model, "a/b", "c"), "http://127.0.0.1:9/api/models/a/b/tree/c?recursive=true");
        assert_eq!(hub.token(), Some("hf_secret"));
        assert!(!format!("{hub:?}").contains("secret"));
        assert!(hub.owns("http://127.0.0.1:9/a") && !hub.owns("http://127.0.0.1:99/a") && !hub.owns("https://other/"));
        assert_eq!(self::hub(&[("HF_TOKEN", "")]).token(), None);
    }
}
