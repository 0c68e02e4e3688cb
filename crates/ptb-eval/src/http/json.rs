//! JSON as servers really send it.
//!
//! Python's writer puts `NaN` and `Infinity` where JSON has no number, and escapes half a surrogate pair where a model
//! broke a character. Neither may cost a sample: such numbers become `null`, such halves the replacement character, and so
//! do bytes that are no UTF-8.

use serde_json::Value;

/// Reads JSON leniently. The error is that of the document as it was.
pub fn parse_json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(bytes)
        .or_else(|error| serde_json::from_str(&repaired(&String::from_utf8_lossy(bytes))).map_err(|_| error))
}

const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

fn repaired(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(char) = rest.chars().next() {
        let length = if in_string { string_part(rest, &mut output) } else { structure_part(rest, &mut output) };
        in_string ^= char == '"';
        rest = &rest[length..];
    }
    output
}

/// Copies one character, or puts `null` in the place of a number that is none. How much was read.
fn structure_part(rest: &str, output: &mut String) -> usize {
    if let Some(word) = NO_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
        output.push_str("null");
        return word.len();
    }
    copy(rest, rest.chars().next().map_or(0, char::len_utf8), output)
}

/// Copies one character or escape of a string. How much was read.
fn string_part(rest: &str, output: &mut String) -> usize {
    if !rest.starts_with('\\') {
        return copy(rest, rest.chars().next().map_or(0, char::len_utf8), output);
    }
    match escaped_unit(rest) {
        Some(0xD800..=0xDBFF) => match rest.get(6..).and_then(escaped_unit) {
            Some(0xDC00..=0xDFFF) => copy(rest, 12, output),
            _ => replace_half(output),
        },
        Some(0xDC00..=0xDFFF) => replace_half(output),
        Some(_) => copy(rest, 6, output),
        None => copy(rest, 1 + rest[1..].chars().next().map_or(0, char::len_utf8), output),
    }
}

fn copy(rest: &str, length: usize, output: &mut String) -> usize {
    output.push_str(&rest[..length]);
    length
}

fn replace_half(output: &mut String) -> usize {
    output.push(char::REPLACEMENT_CHARACTER);
    6
}

/// The number of a `\uXXXX` at the beginning.
fn escaped_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_json_lacks_become_null() {
        let text = r#"{"logprob": NaN, "list": [Infinity,-Infinity, -1], "text": "NaN \" Infinity"}"#;
        let expected = json!({"logprob": null, "list": [null, null, -1], "text": "NaN \" Infinity"});
        assert_eq!(parse_json(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn half_characters_are_replaced() {
        let text = r#"["\ud800", "\uDC00x", "\ud83d\ude00", "\ud83d\ud83d\ude00", "\\ud800", "\ud83d\\"]"#;
        let expected = json!(["\u{fffd}", "\u{fffd}x", "😀", "\u{fffd}😀", "\\ud800", "\u{fffd}\\"]);
        assert_eq!(parse_json(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(parse_json(b"\"a\xff\xc3b\"").unwrap(), json!("a\u{fffd}\u{fffd}b"));
    }

    #[test]
    fn what_is_no_json_stays_an_error() {
        for text in ["", "{", "[1,", "{\"a\": Nan}", "\"\\u12\"", "\"\\", "\"\\ud800", "nothing"] {
            assert!(parse_json(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_json(&bytes);
        }

        #[test]
        fn broken_escapes_never_panic(text in r#"("|\\|u|d8|00|NaN|é|\{|\[|,){0,20}"#) {
            let _ = parse_json(text.as_bytes());
        }

        #[test]
        fn what_is_json_is_left_alone(text in ".{0,40}", number in any::<i64>()) {
            let value = json!({ text.clone(): [text, number] });
            prop_assert_eq!(&serde_json::from_str::<Value>(&repaired(&value.to_string())).unwrap(), &value);
        }
    }
}
