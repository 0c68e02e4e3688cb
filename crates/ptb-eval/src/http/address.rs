//! Addresses as they may be shown.

/// The address without what may be a secret: user, password, query and fragment.
pub fn shown_address(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let (plain, hidden) = address.split_at(end);
    let shown = match plain.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", without_user(rest)),
        None => without_user(plain).to_owned(),
    };
    if hidden.is_empty() { shown } else { format!("{shown}?...") }
}

fn without_user(rest: &str) -> &str {
    let host_end = rest.find('/').unwrap_or(rest.len());
    rest.get(..host_end).and_then(|authority| authority.rfind('@')).map_or(rest, |at| &rest[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::shown_address;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        assert_eq!(shown_address("https://api.example.org/v1"), "https://api.example.org/v1");
        assert_eq!(shown_address("http://me:sk-1@host:80/v1/a@b"), "http://host:80/v1/a@b");
        assert_eq!(shown_address("http://a:b@c@host/x?key=sk-1#sk-2"), "http://host/x?...");
        assert_eq!(shown_address("me:sk-1@host"), "host");
        assert_eq!(shown_address("http://[::1]:8000"), "http://[::1]:8000");
        assert_eq!(shown_address(""), "");
    }
}
