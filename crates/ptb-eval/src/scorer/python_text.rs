//! Text as Python 3.10 sees it: white space, numerals and caseless forms differ from Rust's, and from version to version.

mod tables;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::digits::decimal_digit;

/// A range of code points with a number: first, last, value of the first, difference from one to the next.
type Run = (u32, u32, f64, f64);

static WORDS: LazyLock<Vec<(u32, u32)>> =
    LazyLock::new(|| tables::WORDS.split_ascii_whitespace().map(code_points).collect());
static NUMERALS: LazyLock<Vec<Run>> = LazyLock::new(|| runs(tables::NUMERALS));
static DIGITS: LazyLock<Vec<Run>> = LazyLock::new(|| runs(tables::DIGITS));
static FOLDS: LazyLock<HashMap<char, char>> = LazyLock::new(folds);
static LONG_FOLDS: LazyLock<HashMap<char, String>> = LazyLock::new(long_folds);

/// `str.isspace`, also what `\s` matches.
pub(crate) fn is_space(char: char) -> bool {
    matches!(char, '\u{1c}'..='\u{1f}') || char.is_whitespace()
}

/// `str.strip`.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `str.isdecimal`, also what `\d` matches.
pub(super) fn is_decimal(char: char) -> bool {
    decimal_digit(char).is_some()
}

/// What `\w` matches.
pub(super) fn is_word(char: char) -> bool {
    let code = u32::from(char);
    let next = WORDS.partition_point(|(first, _)| *first <= code);
    next > 0 && code <= WORDS[next - 1].1
}

/// `unicodedata.numeric`; a character has it where `str.isnumeric` holds.
pub(super) fn numeric_value(char: char) -> Option<f64> {
    value(&NUMERALS, char)
}

/// `unicodedata.digit`.
pub(super) fn digit_value(char: char) -> Option<u32> {
    value(&DIGITS, char).map(|digit| digit as u32)
}

/// `str.isnumeric`.
pub(super) fn is_numeric(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_digit() || numeric_value(char).is_some())
}

/// `str.casefold`.
pub(super) fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for char in text.chars() {
        match LONG_FOLDS.get(&char) {
            Some(long) => folded.push_str(long),
            None => folded.push(FOLDS.get(&char).copied().unwrap_or(char)),
        }
    }
    folded
}

/// `repr` of a text without characters that Python escapes, backslash and quotes excepted.
pub(super) fn quoted(text: &str) -> String {
    let text: Cow<'_, str> = if text.contains('\\') { text.replace('\\', "\\\\").into() } else { text.into() };
    match (text.contains('\''), text.contains('"')) {
        (true, false) => format!("\"{text}\""),
        (true, true) => format!("'{}'", text.replace('\'', "\\'")),
        _ => format!("'{text}'"),
    }
}

fn value(runs: &[Run], char: char) -> Option<f64> {
    let code = u32::from(char);
    let (first, last, value, step) = runs[..runs.partition_point(|run| run.0 <= code)].last()?;
    (code <= *last).then(|| value + f64::from(code - first) * step)
}

fn runs(table: &str) -> Vec<Run> {
    let run = |entry: &str| {
        let sign = entry.find(['=', '+']).unwrap_or(entry.len());
        let (first, last) = code_points(&entry[..sign]);
        let step = if entry[sign..].starts_with('+') { 1.0 } else { 0.0 };
        (first, last, number(&entry[sign + 1..]), step)
    };
    table.split_ascii_whitespace().map(run).collect()
}

fn folds() -> HashMap<char, char> {
    let mut folds = HashMap::new();
    for entry in tables::FOLDS.split_ascii_whitespace() {
        let sign = entry.rfind(['+', '-']).unwrap_or(entry.len());
        let (range, step) = entry[..sign].split_once('/').map_or((&entry[..sign], 1), |(range, _)| (range, 2));
        let (first, last) = code_points(range);
        let distance = number(&entry[sign..]) as i32;
        for code in (first..=last).step_by(step) {
            folds.extend(char::from_u32(code).zip(char::from_u32(code.wrapping_add_signed(distance))));
        }
    }
    folds
}

fn long_folds() -> HashMap<char, String> {
    let fold = |entry: &str| {
        let (short, long) = entry.split_once('=').unwrap_or_default();
        let char = |code: &str| char::from_u32(code_points(code).0).unwrap_or_default();
        (char(short), long.split('+').map(char).collect())
    };
    tables::LONG_FOLDS.split_ascii_whitespace().map(fold).collect()
}

/// First and last code point of a table's range.
fn code_points(range: &str) -> (u32, u32) {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let code = |text| u32::from_str_radix(text, 16).expect("tables hold hexadecimal code points");
    (code(first), code(last))
}

/// A whole number or a fraction of a table.
fn number(text: &str) -> f64 {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let whole = |text: &str| text.parse::<f64>().expect("tables hold whole numbers and fractions");
    whole(above) / whole(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_has_the_separators_of_old_terminals() {
        assert_eq!(strip("\u{1c}\u{3000}\u{a0} a\u{200b} \u{85}"), "a\u{200b}");
        assert_eq!((0..0x11_0000).filter_map(char::from_u32).filter(|char| is_space(*char)).count(), 29);
    }

    #[test]
    fn numerals_have_values() {
        let values: Vec<_> = "7٣½Ⅻ②九〇万\u{f33}x".chars().map(numeric_value).collect();
        let expected = [7.0, 3.0, 0.5, 12.0, 2.0, 9.0, 0.0, 10_000.0, -0.5].map(Some);
        assert_eq!(values, [&expected[..], &[None]].concat());
        assert_eq!("7²⑨Ⅻ".chars().map(digit_value).collect::<Vec<_>>(), [Some(7), Some(2), Some(9), None]);
        assert!(is_numeric("5½") && !is_numeric("5.") && !is_numeric(""));
    }

    #[test]
    fn case_is_folded_in_full() {
        assert_eq!(fold_case("AßẞſK Σς Ⅻ İ Ꭰꭰ Ā"), "asssssk σσ ⅻ i\u{307} ᎠᎠ ā");
        assert_eq!(fold_case("\u{2c2f}"), "\u{2c2f}", "younger than Unicode 13.0");
    }

    #[test]
    fn words_are_letters_and_numerals() {
        assert!("aé_9½九ꭰ".chars().all(is_word));
        assert!("-. Ⓐ\u{301}\u{1e030}".chars().all(|char| !is_word(char)));
    }

    #[test]
    fn quotes_are_chosen_as_by_repr() {
        assert_eq!(["a", "a'b", "a'\"", "\\"].map(quoted), ["'a'", "\"a'b\"", "'a\\'\"'", "'\\\\'"]);
    }

    #[test]
    fn every_character_is_as_recorded() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden/evals/unicode_tables.json");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let recorded: serde_json::Value = serde_json::from_str(&text).unwrap();
        let listed = |name: &str| -> Vec<_> {
            let codes = recorded[name].as_array().unwrap().iter();
            codes.map(|code| u32::from_str_radix(code.as_str().unwrap(), 16).unwrap()).collect()
        };
        let (spaces, decimals) = (listed("isspace"), listed("isdecimal"));
        for char in (0..0x11_0000).filter_map(char::from_u32) {
            let code = format!("{:04X}", u32::from(char));
            assert_eq!(numeric_value(char), recorded["isnumeric"][&code].as_f64(), "{code}");
            assert_eq!(digit_value(char).map(u64::from), recorded["digit"][&code].as_u64(), "{code}");
            assert_eq!(is_space(char), spaces.contains(&u32::from(char)), "{code}");
            assert_eq!(is_decimal(char), decimals.contains(&u32::from(char)), "{code}");
        }
    }
}
