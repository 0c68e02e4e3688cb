//! Keys that are known as such only when their colon comes: `a: 1`.

use std::collections::VecDeque;

use super::YamlError;
use super::cursor::Cursor;

/// Longest key without a question mark, in characters.
const MAX_KEY: usize = 1024;

/// A place at which a key may have begun.
#[derive(Clone, Copy)]
pub(super) struct SimpleKey {
    /// Its place among the tokens.
    pub(super) token: usize,
    pub(super) column: usize,
    level: usize,
    /// Whether nothing but a key can stand there.
    required: bool,
    index: usize,
    line: usize,
}

impl SimpleKey {
    pub(super) fn at(cursor: &Cursor, level: usize, token: usize, required: bool) -> Self {
        Self { token, column: cursor.column, level, required, index: cursor.index, line: cursor.line }
    }
}

/// At most one place for each level of flow collections, deeper and later ones behind.
#[derive(Default)]
pub(super) struct SimpleKeys(VecDeque<SimpleKey>);

impl SimpleKeys {
    pub(super) fn push(&mut self, key: SimpleKey) {
        self.0.push_back(key);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The place on this level, which is then no longer one.
    pub(super) fn take(&mut self, level: usize) -> Option<SimpleKey> {
        self.0.pop_back_if(|key| key.level == level)
    }

    /// Forgets the place on this level.
    pub(super) fn give_up(&mut self, level: usize) -> Result<(), YamlError> {
        self.take(level).map_or(Ok(()), refuse_required)
    }

    /// Forgets places that are too long ago: keys end on their line.
    pub(super) fn give_up_stale(&mut self, cursor: &Cursor) -> Result<(), YamlError> {
        let stale = |key: &mut SimpleKey| key.line != cursor.line || cursor.index - key.index > MAX_KEY;
        while let Some(key) = self.0.pop_front_if(stale) {
            refuse_required(key)?;
        }
        Ok(())
    }
}

fn refuse_required(key: SimpleKey) -> Result<(), YamlError> {
    if key.required { Err(YamlError::Refused("a key without its colon")) } else { Ok(()) }
}
