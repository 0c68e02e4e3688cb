//! Reads the one number that an answer line states.
//!
//! ```text
//! line     = side { "=" side }         the sides that are one number agree; the others are the calculation
//! side     = words [ sign ] number [ scale ] words
//! sign     = "-" | "+" | "minus" | "negative"; currency signs and brackets may follow it
//! number   = whole [ "." digits ] | "." digits
//! whole    = digits | 1-3 digits { separator 3 digits }     one separator out of  ,  _  '  space
//! scale    = "k" | "thousand" | "million" | ... | "e" integer | ("x" | "×" | "*") "10^" integer
//! words    = anything without digits; a remark in round brackets after the number may have digits
//! ```
//!
//! Everything else is refused rather than guessed: two numbers, fractions, ratios, dates, powers, malformed groups.

use super::decimal::Decimal;
use super::digits::{is_other_numeral, plain};

/// Largest power of ten that is accepted in scientific notation.
const MAX_POWER: u32 = 100;

/// Why a line states no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    NoNumber,
    Several,
    Malformed,
    Changed,
    Contradiction,
    Glued,
}

impl Unreadable {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NoNumber => "the answer line has no number",
            Self::Several => "the answer line has several numbers",
            Self::Malformed => "the number in the answer line is malformed",
            Self::Changed => "a sign next to the number in the answer line changes its value",
            Self::Glued => "the number in the answer line is not a word of its own",
            Self::Contradiction => "the answer line is an equation whose sides differ",
        }
    }
}

/// The number that a line states.
pub(crate) fn read_quantity(line: &str) -> Result<Decimal, Unreadable> {
    let line = plain(line);
    let mut found = Err(Unreadable::NoNumber);
    for side in line.split('=') {
        let quantity = read_side(side);
        match (&found, &quantity) {
            (Ok(first), Ok(other)) if first != other => return Err(Unreadable::Contradiction),
            (Ok(_), _) | (Err(_), Err(Unreadable::NoNumber)) => {}
            (Err(_), _) => found = quantity,
        }
    }
    found
}

fn read_side(side: &str) -> Result<Decimal, Unreadable> {
    let start = number_start(side).ok_or(Unreadable::NoNumber)?;
    let (before, from_number) = side.split_at(start);
    let negative = is_negative(before)?;
    let (number, after) = read_number(from_number)?;
    let (power, after) = read_scale(after)?;
    check_rest(after)?;
    Ok(number.shifted(power).with_sign(negative))
}

/// Where the first number begins: at a digit, or at a point with a digit behind.
fn number_start(text: &str) -> Option<usize> {
    let digit = text.find(|char: char| char.is_ascii_digit())?;
    let with_point = text[..digit].ends_with('.') && !text[..digit].ends_with("..");
    Some(if with_point { digit - 1 } else { digit })
}

/// Whether what stands before the number makes it negative; an error where it changes it otherwise.
pub(crate) fn is_negative(before: &str) -> Result<bool, Unreadable> {
    if before.ends_with(is_other_numeral) {
        return Err(Unreadable::Changed);
    }
    let near = before.trim_end_matches(|char: char| char.is_whitespace() || is_decoration(char));
    match near.chars().next_back() {
        Some('-') => Ok(true),
        Some('^' | '/' | '√' | '±') => Err(Unreadable::Changed),
        _ => Ok(ends_with_word(near, "minus") || ends_with_word(near, "negative")),
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let last = text.rsplit(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
    last.eq_ignore_ascii_case(word)
}

/// Currency signs, opening brackets, quotes and markup that may stand between a sign and its number.
fn is_decoration(char: char) -> bool {
    matches!(
        char,
        '$' | '€' | '£' | '¥' | '₹' | '(' | '[' | '{' | '*' | '_' | '`' | '"' | '\'' | '“' | '‘' | '«' | '\\'
    )
}

fn read_number(text: &str) -> Result<(Decimal, &str), Unreadable> {
    let (whole, rest) = read_whole(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) if after.starts_with(|char: char| char.is_ascii_digit()) => split_digits(after),
        _ => ("", rest),
    };
    let tail = rest.trim_start_matches(['.', ',']);
    if tail.len() < rest.len() && tail.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(Unreadable::Malformed);
    }
    Ok((Decimal::new(false, &whole, fraction), rest))
}

/// The digits before the point, without separators of thousands.
fn read_whole(text: &str) -> (String, &str) {
    let (digits, mut rest) = split_digits(text);
    let mut whole = digits.to_owned();
    if (1..=3).contains(&digits.len()) {
        let separator = rest.chars().next().filter(|char| matches!(char, ',' | '_' | '\'' | ' '));
        while let Some((group, after)) = separator.and_then(|separator| split_group(rest, separator)) {
            whole.push_str(group);
            rest = after;
        }
    }
    (whole, rest)
}

fn split_group(text: &str, separator: char) -> Option<(&str, &str)> {
    let (group, rest) = split_digits(text.strip_prefix(separator)?);
    (group.len() == 3).then_some((group, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()))
}

/// The power of ten that a word or scientific notation after the number multiplies it by.
pub(crate) fn read_scale(after: &str) -> Result<(i32, &str), Unreadable> {
    if let Some((power, rest)) = read_exponent(after) {
        return Ok((power.ok_or(Unreadable::Malformed)?, rest));
    }
    let text = after.trim_start_matches(|char: char| char.is_whitespace() || char == '-');
    let (word, rest) = text.split_at(text.find(|char: char| !char.is_alphabetic()).unwrap_or(text.len()));
    match power_of(word) {
        Some(power) => Ok((power, rest)),
        None if is_uncertain_scale(word) => Err(Unreadable::Changed),
        None => Ok((0, after)),
    }
}

fn power_of(word: &str) -> Option<i32> {
    match word {
        "k" | "K" => Some(3),
        "M" => Some(6),
        "B" | "bn" => Some(9),
        _ => match word.to_lowercase().as_str() {
            "hundred" => Some(2),
            "thousand" => Some(3),
            "million" => Some(6),
            "billion" => Some(9),
            "trillion" => Some(12),
            _ => None,
        },
    }
}

/// Words that multiply a number by something else than a power of ten.
fn is_uncertain_scale(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "dozen"
            | "dozens"
            | "hundreds"
            | "thousands"
            | "millions"
            | "billions"
            | "half"
            | "halves"
            | "squared"
            | "cubed"
    )
}

/// `e+05` directly after the number, or `x 10^5`. The power is absent where it is too large.
fn read_exponent(after: &str) -> Option<(Option<i32>, &str)> {
    if let Some(text) = after.strip_prefix(['e', 'E']) {
        return read_integer(text);
    }
    let text = after.trim_start().strip_prefix(['x', '×', '*', '·'])?.trim_start().strip_prefix("10")?;
    read_integer(text.trim_start_matches('*').trim_start_matches(['^', '{', '(']))
}

fn read_integer(text: &str) -> Option<(Option<i32>, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return None;
    }
    let power = digits.parse::<u32>().ok().filter(|power| *power <= MAX_POWER);
    Some((power.map(|power| sign * power as i32), rest))
}

/// Refuses what stands after the number and changes it.
fn check_rest(rest: &str) -> Result<(), Unreadable> {
    if rest.starts_with(['^', '/']) && rest[1..].trim_start().starts_with(|char: char| char.is_ascii_digit()) {
        return Err(Unreadable::Changed);
    }
    let mut chars = rest.trim_start().chars();
    if chars.next().is_some_and(is_other_numeral) {
        let glued = rest.starts_with(is_other_numeral);
        let alone = chars.next().is_none_or(|next| !next.is_alphanumeric());
        if glued || alone {
            return Err(Unreadable::Changed);
        }
    }
    let has_digits = without_remarks(rest).contains(|char: char| char.is_ascii_digit());
    if has_digits { Err(Unreadable::Several) } else { Ok(()) }
}

/// The text without what stands in round brackets.
fn without_remarks(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|char| {
            match char {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> String {
        read_quantity(line).map_or_else(|unreadable| format!("{unreadable:?}"), |number| number.to_string())
    }

    #[test]
    fn decoration_and_units_do_not_matter() {
        for line in [
            "18",
            " 18. ",
            "18.00",
            "+18",
            "$18",
            "18$",
            "US$18",
            "USD 18",
            "€18",
            "**18**",
            "`18`",
            "(18)",
            "( 18 )",
            "“18”",
            "18%",
            "18 %",
            "18kg.",
            "18 eggs per day",
            "18 km/h",
            "$\\boxed{18}$",
            "\\boxed{18\\text{ dollars}}",
            "18^\\circ",
            "~18",
            "≈18",
            "x = 18",
            "16 + 2 = 18",
            "18 = 16 + 2",
            "18 (out of 100)",
            "18 m²",
            "18<br>",
            "018",
            "１８",
            "<answer>18</answer>",
        ] {
            assert_eq!(read(line), "18", "{line}");
        }
    }

    #[test]
    fn signs_are_kept() {
        for line in ["-18", "- 18", "–18", "−18", "-$18", "$-18", "(-18)", "minus 18", "Negative 18", "-18 degrees"]
        {
            assert_eq!(read(line), "-18", "{line}");
        }
    }

    #[test]
    fn thousands_and_powers_of_ten_are_read() {
        for line in ["70,000", "70 000", "70_000", "70\\,000", "70{,}000", "70,000.00", "70k", "70 thousand", "7e4"] {
            assert_eq!(read(line), "70000", "{line}");
        }
        assert_eq!(read("70 x 10^3"), "70000");
        assert_eq!(read("7 \\times 10^{4}"), "70000");
        assert_eq!(read("1.8e+01"), "18");
        assert_eq!(read("540M"), "540000000");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for line in [
            "18 or 19",
            "18, 19",
            "3,18",
            "18,3",
            "18.5.3",
            "18..5",
            "1.2.18",
            "36/2",
            "18 1/2",
            "18:00",
            "2024-01-18",
            "18²",
            "18 ½",
            "18½",
            "½",
            "Ⅻ5",
            "10⁹⁹⁹",
            "18^2",
            "√18",
            "18 = 19",
            "18 dozen",
            "1e999",
            "± 18",
            "eighteen",
            "",
            "~~19~~ 18",
            "18 ± 1",
            "18₂",
        ] {
            assert!(read_quantity(line).is_err(), "{line} was read as {}", read(line));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(line in "[-+0-9.,=/^(){}$ ekMx×½²e\\u{660}-\\u{669}]{0,40}|\\PC{0,60}") {
            let _ = read_quantity(&line);
        }

        #[test]
        fn a_grouped_number_is_the_number(number in any::<i64>()) {
            let digits = number.unsigned_abs().to_string();
            let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
            let sign = if number < 0 { "-" } else { "" };
            for separator in [",", " ", "_"] {
                prop_assert_eq!(read(&format!("{sign}{}", groups.join(separator))), number.to_string());
            }
        }

        #[test]
        fn two_different_integers_are_never_equal(a in any::<i32>(), b in any::<i32>()) {
            prop_assert_eq!(read_quantity(&a.to_string()) == read_quantity(&b.to_string()), a == b);
        }
    }
}
