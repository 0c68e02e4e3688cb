//! Texts of any size, cut to what a page can carry, with a note of what was left out.

use std::fs;
use std::path::Path;

use ptb_core::files;
use serde::Serialize;

/// A text as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clipped {
    /// The beginning, or all of it.
    pub head: String,
    /// The end, where the middle was left out.
    pub tail: String,
    /// Characters between the two that were left out.
    pub omitted: usize,
    /// Number of lines of the whole text.
    pub lines: usize,
}

impl Clipped {
    /// Keeps about `limit` characters: two thirds from the beginning and one third from the end.
    pub fn new(text: &str, limit: usize) -> Self {
        let lines = text.lines().count();
        let length = text.chars().count();
        if length <= limit {
            return Self { head: visible(text), tail: String::new(), omitted: 0, lines };
        }
        let ending = limit / 3;
        let head: String = text.chars().take(limit - ending).collect();
        let tail: String = text.chars().skip(length - ending).collect();
        Self { head: visible(&head), tail: visible(&tail), omitted: length - limit, lines }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.head.trim().is_empty() && self.tail.is_empty()
    }
}

/// Control characters and direction overrides as visible signs: they could hide or reorder what stands there.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            '\0'..='\u{1f}' => char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'),
            '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                '\u{fffd}'
            }
            _ => character,
        })
        .collect()
}

/// A file's text, or a sentence that says why it is not shown. Links are not followed; invalid UTF-8 is shown as such.
pub fn read(path: &Path, name: &str, limit: u64) -> Result<String, String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(format!("There is no {name}.")),
        Ok(metadata) if !metadata.is_file() => return Err(format!("{name} is not a plain file and is not opened.")),
        Ok(metadata) if metadata.len() > limit => {
            let size = crate::notation::bytes(metadata.len());
            return Err(format!("{name} has {size}, too much for a page: open it in the run folder."));
        }
        _ => {}
    }
    let bytes = files::read_bounded(path, limit).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_hide_text_becomes_visible() {
        assert_eq!(visible("a\u{1b}[2K\u{202e}b\n"), "a\u{241b}[2K\u{fffd}b\n");
    }

    #[test]
    fn links_and_large_files_are_named_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert_eq!(read(&link, "x.md", 100).unwrap_err(), "x.md is not a plain file and is not opened.");
        let large = folder.path().join("large");
        fs::write(&large, "12345").unwrap();
        assert!(read(&large, "x.md", 4).unwrap_err().contains("open it in the run folder"));
        assert_eq!(read(&large, "x.md", 5).unwrap(), "12345");
        assert_eq!(read(&folder.path().join("none"), "x.md", 5).unwrap_err(), "There is no x.md.");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_without_being_counted(text in "\\PC{0,60}", limit in 3_usize..40) {
            let clipped = Clipped::new(&text, limit);
            let shown = clipped.head.chars().count() + clipped.tail.chars().count();
            prop_assert_eq!(shown + clipped.omitted, text.chars().count());
            prop_assert!(shown <= limit.max(text.chars().count().min(limit)));
        }
    }
}
