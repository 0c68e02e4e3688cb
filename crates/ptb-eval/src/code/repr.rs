//! Texts and bytes as Python shows them.

/// Text cannot hold halves of surrogate pairs; the last 2,048 characters of Unicode stand for them, U+D800 first.
pub(super) const FIRST_HALF: char = '\u{10f800}';

/// A text in quotes, as `repr` gives it. Characters beyond ASCII count as printable.
pub(super) fn repr_of_text(text: &str) -> String {
    let quote = quote(text.as_bytes());
    let shown: String = text.chars().map(|char| shown(char, quote)).collect();
    format!("{quote}{shown}{quote}")
}

/// Bytes in quotes, as `repr` gives them.
pub(super) fn repr_of_bytes(bytes: &[u8]) -> String {
    let quote = quote(bytes);
    let shown_byte = |&byte: &u8| if byte.is_ascii() { shown(byte.into(), quote) } else { format!("\\x{byte:02x}") };
    let shown: String = bytes.iter().map(shown_byte).collect();
    format!("b{quote}{shown}{quote}")
}

fn quote(bytes: &[u8]) -> char {
    if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' }
}

fn shown(char: char, quote: char) -> String {
    match char {
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\\' => "\\\\".to_owned(),
        _ if char == quote => format!("\\{quote}"),
        FIRST_HALF.. => format!("\\u{:04x}", 0xd800 + (u32::from(char) - u32::from(FIRST_HALF))),
        _ if char.is_control() => format!("\\x{:02x}", u32::from(char)),
        _ => char.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_are_python_s() {
        assert_eq!(repr_of_text("a'\n\\\u{7f}"), r#""a'\n\\\x7f""#);
        assert_eq!(repr_of_text("'\"\u{10f800}\u{10ffff}"), r#"'\'"\ud800\udfff'"#);
        assert_eq!(repr_of_bytes(b"\0\xff'"), r#"b"\x00\xff'""#);
    }
}
