//! Halves of surrogate pairs. Python's texts can hold them and Rust's cannot: here a character of the last private-use
//! plane stands in for each, from reading to writing.

use std::fmt::Write as _;

const OFFSET: u32 = 0x10_0000;
const HALVES: std::ops::Range<u32> = 0xd800..0xe000;

/// The stand-in for a half.
pub(super) fn stand_in(code: u32) -> Option<char> {
    char::from_u32(if HALVES.contains(&code) { code + OFFSET } else { code })
}

/// The half that a character stands in for.
pub(super) fn code(char: char) -> Option<u32> {
    u32::from(char).checked_sub(OFFSET).filter(|code| HALVES.contains(code))
}

/// Appends the escape of a half, in JSON and in Python.
pub(super) fn write_escape(code: u32, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\u{code:04x}");
}

/// The text with the escapes of halves in place of their stand-ins.
pub(crate) fn escape_halves(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match code(char) {
            Some(half) => write_escape(half, &mut out),
            None => out.push(char),
        }
    }
    out
}
