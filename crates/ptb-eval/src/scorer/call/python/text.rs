//! Python's text: code points, halves of surrogate pairs included.

use std::fmt;

/// A text that may hold lone surrogates, which a JSON escape such as `"\ud800"` makes and Rust's `String` cannot hold.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Vec<u32>);

impl Text {
    /// Adds a code point; a low half after a high half stays on its own, as in Python.
    pub(crate) fn push(&mut self, code: u32) {
        self.0.push(code);
    }

    /// The code points in order.
    pub(crate) fn codes(&self) -> &[u32] {
        &self.0
    }

    /// The text, where it has no lone surrogate.
    pub fn to_plain(&self) -> Option<String> {
        self.0.iter().map(|code| char::from_u32(*code)).collect()
    }

    /// Whether there is no code point.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    pub(crate) fn push_all(&mut self, chars: impl IntoIterator<Item = char>) {
        self.0.extend(chars.into_iter().map(u32::from));
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.0.extend(text.chars().map(u32::from));
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.chars().map(u32::from).collect())
    }
}

impl From<&[char]> for Text {
    fn from(text: &[char]) -> Self {
        Self(text.iter().map(|char| u32::from(*char)).collect())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&super::repr_text(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_kept_apart() {
        let mut text = Text::from("a");
        text.push(0xd800);
        assert_eq!(text.to_plain(), None);
        assert_eq!(format!("{text:?}"), r"'a\ud800'");
    }
}
