//! Halves of surrogate pairs.
//!
//! JSON can hold them as escapes (`\ud800`), and Python's texts hold them as any other character; UTF-8 has no place for
//! them. So before a line is read, each half that stands alone is written as another character: U+FFFD for the strict
//! scorers, and for the reference's one of the last 2,048 characters of Unicode, which mean nothing, so that the half can
//! be written back.

use std::borrow::Cow;

/// The stand-in of U+D800.
const FIRST: u32 = 0x10_F800;

/// What takes the place of halves that stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandIn {
    /// U+FFFD.
    Replacement,
    /// A character for each half.
    Private,
}

/// The JSON text without halves that stand alone.
pub(super) fn without_lone_halves(json: &str, stand_in: StandIn) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut done = 0;
    let mut place = 0;
    while let Some(found) = json[place..].find('\\') {
        let start = place + found;
        place = start + 1 + json[start + 1..].chars().next().map_or(0, char::len_utf8);
        let Some(half) = escaped_half(&json[start..]) else { continue };
        let is_pair = half < 0xDC00 && escaped_half(&json[start + 6..]).is_some_and(|low| low >= 0xDC00);
        place = start + if is_pair { 12 } else { 6 };
        if !is_pair {
            kept.push_str(&json[done..start]);
            kept.push(match stand_in {
                StandIn::Replacement => char::REPLACEMENT_CHARACTER,
                StandIn::Private => char::from_u32(FIRST + half - 0xD800).unwrap_or(char::REPLACEMENT_CHARACTER),
            });
            done = place;
        }
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    kept.push_str(&json[done..]);
    Cow::Owned(kept)
}

/// The JSON text with the halves that stand-ins stand for.
pub(super) fn with_lone_halves(json: &str) -> String {
    let half = |char: char| u32::from(char).checked_sub(FIRST).map(|half| half + 0xD800);
    let written = |char: char| half(char).map_or_else(|| char.to_string(), |half| format!("\\u{half:04x}"));
    json.chars().map(written).collect()
}

/// The half that an escape at the beginning of the text writes.
fn escaped_half(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let half = u32::from_str_radix(digits, 16).ok()?;
    (0xD800..0xE000).contains(&half).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(json: &str) -> String {
        without_lone_halves(json, StandIn::Replacement).into_owned()
    }

    #[test]
    fn only_halves_that_stand_alone_are_replaced() {
        assert_eq!(replaced(r#""\ud83d\ude00 \\ud83d \n \u00e9""#), r#""\ud83d\ude00 \\ud83d \n \u00e9""#);
        assert_eq!(replaced(r#""\ud83d\ud83d\ude00\ude00""#), "\"\u{fffd}\\ud83d\\ude00\u{fffd}\"");
        assert_eq!(replaced(r#""\uDFFF"#), "\"\u{fffd}");
        assert_eq!(replaced("\"\\ud83é \\u"), "\"\\ud83é \\u");
        assert_eq!(replaced("\\"), "\\");
    }

    #[test]
    fn stand_ins_lead_back() {
        let json = r#""a\ud800b\udfff""#;
        let stood_in = without_lone_halves(json, StandIn::Private);
        assert!(serde_json::from_str::<String>(&stood_in).is_ok());
        assert_eq!(with_lone_halves(&stood_in), json);
    }
}
