//! Scalars in their four styles.

use super::YamlError;
use super::characters::{END, is_blank, is_break, is_gap, is_line_end};
use super::cursor::Cursor;
use super::scanner::skip_rest_of_line;
use crate::scorer::call::python::Text;

/// A scalar without quotes.
pub(super) struct Plain {
    pub(super) text: Text,
    /// Whether a line break was passed after it.
    pub(super) ends_after_break: bool,
}

/// Reads a scalar without quotes. Outside of flow collections its further lines have at least the indent.
pub(super) fn plain(cursor: &mut Cursor, in_flow: bool, least_indent: usize) -> Plain {
    let mut plain = Plain { text: Text::default(), ends_after_break: false };
    let mut gap = Text::default();
    while cursor.peek(0) != '#' {
        let length = plain_length(cursor, in_flow);
        if length == 0 {
            break;
        }
        plain.text.extend(&gap);
        for _ in 0..length {
            plain.text.push(cursor.peek(0).into());
            cursor.forward(1);
        }
        (gap, plain.ends_after_break) = plain_gap(cursor);
        if gap.is_empty() || (!in_flow && cursor.column < least_indent) {
            break;
        }
    }
    plain
}

/// Characters up to the next blank or indicator.
fn plain_length(cursor: &Cursor, in_flow: bool) -> usize {
    let ends = |ahead: usize| {
        let next = cursor.peek(ahead + 1);
        match cursor.peek(ahead) {
            ':' => is_blank(next) || (in_flow && matches!(next, ',' | '[' | ']' | '{' | '}')),
            ',' | '?' | '[' | ']' | '{' | '}' => in_flow,
            char => is_blank(char),
        }
    };
    let mut length = 0;
    while !ends(length) {
        length += 1;
    }
    length
}

/// What the blanks after a part of a plain scalar stand for, and whether there was a line break among them. Nothing where
/// the scalar ends.
fn plain_gap(cursor: &mut Cursor) -> (Text, bool) {
    let spaces = Text::from(cursor.take_while(|char| char == ' '));
    let Some(first) = cursor.take_break() else { return (spaces, false) };
    if cursor.at_document_mark() {
        return (Text::default(), true);
    }
    let mut breaks = Vec::new();
    loop {
        cursor.take_while(|char| char == ' ');
        let Some(next) = cursor.take_break() else { break };
        breaks.push(next);
        if cursor.at_document_mark() {
            return (Text::default(), true);
        }
    }
    (folded(first, &breaks), true)
}

/// A line break and the empty lines after it: one break alone is a space, and the first of several common ones is nothing.
fn folded(first: char, breaks: &[char]) -> Text {
    let mut text = Text::default();
    match first {
        '\n' if breaks.is_empty() => text.push(' '.into()),
        '\n' => {}
        other => text.push(other.into()),
    }
    text.push_all(breaks.iter().copied());
    text
}

/// Reads a scalar in single or double quotes.
pub(super) fn quoted(cursor: &mut Cursor, quote: char) -> Result<Text, YamlError> {
    cursor.forward(1);
    let mut text = Text::default();
    loop {
        let char = cursor.peek(0);
        match char {
            ' ' | '\t' | END => quoted_gap(cursor, &mut text)?,
            char if is_break(char) => quoted_gap(cursor, &mut text)?,
            '\'' if quote == '\'' && cursor.peek(1) == '\'' => {
                text.push(char.into());
                cursor.forward(2);
            }
            char if char == quote => {
                cursor.forward(1);
                return Ok(text);
            }
            '\\' if quote == '"' => escape(cursor, &mut text)?,
            _ => {
                text.push(char.into());
                cursor.forward(1);
            }
        }
    }
}

fn quoted_gap(cursor: &mut Cursor, text: &mut Text) -> Result<(), YamlError> {
    let blanks = Text::from(cursor.take_while(|char| matches!(char, ' ' | '\t')));
    if cursor.peek(0) == END {
        return Err(YamlError::Refused("a quote that is not closed"));
    }
    match cursor.take_break() {
        Some(first) => {
            let breaks = quoted_breaks(cursor)?;
            text.extend(&folded(first, &breaks));
        }
        None => text.extend(&blanks),
    }
    Ok(())
}

/// The empty lines after a line break.
fn quoted_breaks(cursor: &mut Cursor) -> Result<Vec<char>, YamlError> {
    let mut breaks = Vec::new();
    loop {
        if cursor.at_document_mark() {
            return Err(YamlError::Refused("a document that ends inside of quotes"));
        }
        cursor.take_while(|char| matches!(char, ' ' | '\t'));
        match cursor.take_break() {
            Some(char) => breaks.push(char),
            None => return Ok(breaks),
        }
    }
}

fn escape(cursor: &mut Cursor, text: &mut Text) -> Result<(), YamlError> {
    cursor.forward(1);
    let char = cursor.peek(0);
    let digits = match char {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        char if is_break(char) => {
            cursor.take_break();
            text.push_all(quoted_breaks(cursor)?);
            return Ok(());
        }
        _ => {
            text.push(simple_escape(char).ok_or(YamlError::Refused("an unknown escape"))?);
            cursor.forward(1);
            return Ok(());
        }
    };
    cursor.forward(1);
    let number: String = (0..digits).map(|ahead| cursor.peek(ahead)).collect();
    if !number.chars().all(|char| char.is_ascii_hexdigit()) {
        return Err(YamlError::Refused("a bad escape"));
    }
    let code = u32::from_str_radix(&number, 16).ok().filter(|code| *code <= 0x10_ffff);
    text.push(code.ok_or_else(|| YamlError::Raised("ValueError: chr() arg not in range(0x110000)".to_owned()))?);
    cursor.forward(digits);
    Ok(())
}

fn simple_escape(char: char) -> Option<u32> {
    Some(match char {
        '0' => 0,
        'a' => 7,
        'b' => 8,
        't' | '\t' => 9,
        'n' => 10,
        'v' => 11,
        'f' => 12,
        'r' => 13,
        'e' => 27,
        ' ' | '"' | '\\' | '/' => char.into(),
        'N' => 0x85,
        '_' => 0xa0,
        'L' => 0x2028,
        'P' => 0x2029,
        _ => return None,
    })
}

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

/// Reads a block scalar, `|` or `>`.
pub(super) fn block(cursor: &mut Cursor, folds: bool, least_indent: usize) -> Result<Text, YamlError> {
    cursor.forward(1);
    let (chomping, increment) = block_header(cursor)?;
    let (indent, mut breaks) = if let Some(increment) = increment {
        let indent = least_indent + increment - 1;
        (indent, block_breaks(cursor, indent))
    } else {
        let (deepest, breaks) = first_breaks(cursor);
        (deepest.max(least_indent), breaks)
    };
    let mut text = Text::default();
    let mut last_break = None;
    while cursor.column == indent && cursor.peek(0) != END {
        text.push_all(breaks.iter().copied());
        let indented_more = matches!(cursor.peek(0), ' ' | '\t');
        text.extend(&Text::from(cursor.take_while(|char| !is_line_end(char))));
        last_break = cursor.take_break();
        breaks = block_breaks(cursor, indent);
        if cursor.column != indent || cursor.peek(0) == END {
            break;
        }
        let joins = folds && last_break == Some('\n') && !indented_more && !matches!(cursor.peek(0), ' ' | '\t');
        match last_break {
            Some(_) if joins => text.push_all(breaks.is_empty().then_some(' ')),
            char => text.push_all(char),
        }
    }
    if chomping != Chomping::Strip {
        text.push_all(last_break);
    }
    if chomping == Chomping::Keep {
        text.push_all(breaks);
    }
    Ok(text)
}

/// The signs after `|` or `>`, up to the end of the line.
fn block_header(cursor: &mut Cursor) -> Result<(Chomping, Option<usize>), YamlError> {
    let (mut chomping, mut increment) = (None, None);
    for _ in 0..2 {
        match cursor.peek(0) {
            '+' if chomping.is_none() => chomping = Some(Chomping::Keep),
            '-' if chomping.is_none() => chomping = Some(Chomping::Strip),
            '0' if increment.is_none() => return Err(YamlError::Refused("an indentation of zero")),
            char if char.is_ascii_digit() && increment.is_none() => increment = char.to_digit(10),
            _ => break,
        }
        cursor.forward(1);
    }
    if !is_gap(cursor.peek(0)) || !skip_rest_of_line(cursor) {
        return Err(YamlError::Refused("something behind the sign of a block"));
    }
    Ok((chomping.unwrap_or(Chomping::Clip), increment.map(|digit| digit as usize)))
}

/// The empty lines at the beginning, and the largest indent of these and the line after them.
fn first_breaks(cursor: &mut Cursor) -> (usize, Vec<char>) {
    let (mut breaks, mut deepest) = (Vec::new(), 0);
    loop {
        cursor.take_while(|char| char == ' ');
        deepest = deepest.max(cursor.column);
        match cursor.take_break() {
            Some(char) => breaks.push(char),
            None => return (deepest, breaks),
        }
    }
}

/// The empty lines before the next line of the block.
fn block_breaks(cursor: &mut Cursor, indent: usize) -> Vec<char> {
    let mut breaks = Vec::new();
    loop {
        while cursor.column < indent && cursor.peek(0) == ' ' {
            cursor.forward(1);
        }
        match cursor.take_break() {
            Some(char) => breaks.push(char),
            None => return breaks,
        }
    }
}
