//! Addresses of servers as people give them.

use hyper::http::uri::Authority;

use crate::http::{Uri, shown_address};

/// The address of an OpenAI-compatible API: `http://host:8000`, `http://host:8000/v1` and the full
/// `http://host:8000/v1/chat/completions` name the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    base: String,
    /// A query belongs to every request.
    query: String,
}

impl Address {
    /// Reads an address. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = shown_address(text);
        let uri: Uri = text.parse().map_err(|error| format!("{shown:?} is no address: {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(format!("{shown:?} does not begin with http:// or https://"));
        }
        let authority = uri.authority().map_or("", Authority::as_str);
        if authority.contains('@') {
            return Err(format!("{shown:?} has a user or password: give the key by a variable or file instead"));
        }
        let path = uri.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path);
        let path = if path.is_empty() { "/v1" } else { path };
        let scheme = uri.scheme_str().unwrap_or("http");
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self { base: format!("{scheme}://{authority}{path}"), query })
    }

    /// Where completions are asked for.
    pub fn completions(&self) -> String {
        format!("{}/chat/completions{}", self.base, self.query)
    }

    /// Where the models are listed.
    pub fn models(&self) -> String {
        format!("{}/models{}", self.base, self.query)
    }

    /// The address as it may be shown.
    pub fn shown(&self) -> &str {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn every_form_of_an_address_names_the_same_api() {
        for text in
            ["http://host:8000", "http://host:8000/", "http://host:8000/v1/", "http://host:8000/v1/chat/completions"]
        {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.completions(), "http://host:8000/v1/chat/completions", "{text}");
            assert_eq!(address.models(), "http://host:8000/v1/models");
        }
        let address = Address::parse("https://host/openai/deployments/x?api-version=1").unwrap();
        assert_eq!(address.completions(), "https://host/openai/deployments/x/chat/completions?api-version=1");
        assert_eq!(address.shown(), "https://host/openai/deployments/x");
    }

    #[test]
    fn addresses_that_cannot_work_are_refused_without_showing_secrets() {
        for text in
            ["", "host", "host:8000", "ftp://host", "http://", "http://sk-secret@host", "http://a b/?k=sk-secret"]
        {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
