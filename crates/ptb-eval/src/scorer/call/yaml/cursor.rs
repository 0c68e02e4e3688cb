//! A place in the text.

use super::characters::{END, is_blank, is_break};

/// The text and the place up to which it has been read.
pub(super) struct Cursor {
    chars: Vec<char>,
    /// Characters passed.
    pub(super) index: usize,
    /// Lines passed.
    pub(super) line: usize,
    /// Characters since the line began.
    pub(super) column: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), index: 0, line: 0, column: 0 }
    }

    /// The character `ahead` of the place.
    pub(super) fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.index + ahead).copied().unwrap_or(END)
    }

    pub(super) fn forward(&mut self, count: usize) {
        for _ in 0..count {
            let char = self.peek(0);
            self.index += 1;
            if is_break(char) && !(char == '\r' && self.peek(0) == '\n') {
                self.line += 1;
                self.column = 0;
            } else if char != '\u{feff}' {
                self.column += 1;
            }
        }
    }

    /// Passes over the characters of a class and gives them.
    pub(super) fn take_while(&mut self, class: impl Fn(char) -> bool) -> &[char] {
        let start = self.index;
        while self.index < self.chars.len() && class(self.peek(0)) {
            self.forward(1);
        }
        &self.chars[start..self.index]
    }

    /// Passes over a line break and gives the one that it stands for: the common ones are all `\n`.
    pub(super) fn take_break(&mut self) -> Option<char> {
        let char = self.peek(0);
        let length = match char {
            '\r' if self.peek(1) == '\n' => 2,
            char if is_break(char) => 1,
            _ => return None,
        };
        self.forward(length);
        Some(if matches!(char, '\u{2028}' | '\u{2029}') { char } else { '\n' })
    }

    /// Whether `---` or `...` stands here by itself.
    pub(super) fn at_document_mark(&self) -> bool {
        let [first, second, third] = [0, 1, 2].map(|ahead| self.peek(ahead));
        matches!(first, '-' | '.') && first == second && second == third && is_blank(self.peek(3))
    }
}
