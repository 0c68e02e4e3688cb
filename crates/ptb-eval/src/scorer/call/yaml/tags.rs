//! Tags and directives.

use super::YamlError;
use super::characters::{is_blank, is_gap, is_line_end, is_name};
use super::cursor::Cursor;
use super::scanner::skip_rest_of_line;
use super::token::{Tag, Token};

/// What the tags of YAML itself begin with.
const STANDARD: &str = "tag:yaml.org,2002:";

const BAD_TAG: YamlError = YamlError::Refused("a bad tag");
const BAD_DIRECTIVE: YamlError = YamlError::Refused("a bad directive");

/// The tag at an exclamation mark.
pub(super) fn tag(cursor: &mut Cursor) -> Result<Tag, YamlError> {
    let tag = match cursor.peek(1) {
        '<' => verbatim(cursor)?,
        next if is_blank(next) => {
            cursor.forward(1);
            Tag::Plain
        }
        _ => with_handle(cursor)?,
    };
    if is_gap(cursor.peek(0)) { Ok(tag) } else { Err(BAD_TAG) }
}

/// Such as `!<tag:yaml.org,2002:int>`.
fn verbatim(cursor: &mut Cursor) -> Result<Tag, YamlError> {
    cursor.forward(2);
    let name = uri(cursor)?;
    if cursor.peek(0) != '>' {
        return Err(BAD_TAG);
    }
    cursor.forward(1);
    Ok(match name.strip_prefix(STANDARD) {
        Some(name) => Tag::Standard(name.to_owned()),
        None if name == "!" => Tag::Plain,
        None => Tag::Foreign,
    })
}

/// Such as `!!int`, `!mine` or `!e!mine`.
fn with_handle(cursor: &mut Cursor) -> Result<Tag, YamlError> {
    let mut ahead = 1;
    while !matches!(cursor.peek(ahead), '!') && !is_gap(cursor.peek(ahead)) {
        ahead += 1;
    }
    cursor.forward(1);
    if cursor.peek(ahead - 1) != '!' {
        uri(cursor)?;
        return Ok(Tag::Foreign);
    }
    let handle = cursor.take_while(is_name).to_vec();
    if cursor.peek(0) != '!' {
        return Err(BAD_TAG);
    }
    cursor.forward(1);
    let name = uri(cursor)?;
    Ok(if handle.is_empty() { Tag::Standard(name) } else { Tag::Undeclared })
}

fn uri(cursor: &mut Cursor) -> Result<String, YamlError> {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "-;/?:@&=+$,_.!~*'()[]%".contains(char);
    let uri: String = cursor.take_while(allowed).iter().collect();
    match uri.as_str() {
        "" => Err(BAD_TAG),
        uri if uri.contains('%') => Err(YamlError::Unsupported("a tag with a percent sign")),
        _ => Ok(uri),
    }
}

/// The directive at a percent sign.
pub(super) fn directive(cursor: &mut Cursor) -> Result<Token, YamlError> {
    cursor.forward(1);
    let name: String = cursor.take_while(is_name).iter().collect();
    if name.is_empty() || !is_gap(cursor.peek(0)) {
        return Err(BAD_DIRECTIVE);
    }
    let token = match name.as_str() {
        "YAML" => version(cursor)?,
        "TAG" => return Err(YamlError::Unsupported("a TAG directive")),
        _ => {
            cursor.take_while(|char| !is_line_end(char));
            Token::OtherDirective
        }
    };
    if skip_rest_of_line(cursor) { Ok(token) } else { Err(BAD_DIRECTIVE) }
}

/// Only version 1 is read.
fn version(cursor: &mut Cursor) -> Result<Token, YamlError> {
    cursor.take_while(|char| char == ' ');
    let digit = |char: char| char.is_ascii_digit();
    let major: String = cursor.take_while(digit).iter().collect();
    if cursor.peek(0) != '.' {
        return Err(BAD_DIRECTIVE);
    }
    cursor.forward(1);
    let minor = cursor.take_while(digit).len();
    let is_one = major.trim_start_matches('0') == "1";
    if is_one && minor > 0 && is_gap(cursor.peek(0)) { Ok(Token::VersionDirective) } else { Err(BAD_DIRECTIVE) }
}
