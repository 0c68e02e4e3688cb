//! What a plain scalar is by its form.

/// The kinds of plain scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Float,
    Integer,
    /// `<<`
    Merge,
    Null,
    Timestamp,
    /// `=`
    Value,
    Text,
}

/// The kind of a plain scalar.
pub(super) fn kind_of(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "<<" => Kind::Merge,
        "=" => Kind::Value,
        _ if bool_of(text).is_some() => Kind::Bool,
        _ if is_float(text) => Kind::Float,
        _ if is_integer(text) => Kind::Integer,
        _ if super::timestamp::is_timestamp(text) => Kind::Timestamp,
        _ => Kind::Text,
    }
}

/// The truth value of a word; its letters are all small, all large, or only the first is large.
fn bool_of(text: &str) -> Option<bool> {
    let small = text.to_ascii_lowercase();
    let rest = text.get(1..)?;
    let cased = rest == &small[1..] || text.bytes().all(|byte| byte.is_ascii_uppercase());
    if cased { truth(&small) } else { None }
}

/// The truth value of a word in small letters.
pub(super) fn truth(word: &str) -> Option<bool> {
    match word {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_digit(char: char) -> bool {
    char.is_ascii_digit()
}

fn digit_or_underscore(char: char) -> bool {
    char.is_ascii_digit() || char == '_'
}

/// A digit, then digits and underscores.
fn is_digits(text: &str) -> bool {
    text.starts_with(is_digit) && text.chars().all(digit_or_underscore)
}

/// Parts between colons behind the first, each below 60.
fn are_sixties<'a>(mut parts: impl Iterator<Item = &'a str>) -> bool {
    parts.all(|part| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
        _ => false,
    })
}

fn is_float(text: &str) -> bool {
    let number = unsigned(text);
    if matches!(number, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, rest)) = number.split_once('.') else { return false };
    if let Some((hours, sixties)) = whole.split_once(':') {
        return is_digits(hours) && are_sixties(sixties.split(':')) && rest.chars().all(digit_or_underscore);
    }
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['-', '+']).is_some_and(|digits| !digits.is_empty() && digits.chars().all(is_digit))
    });
    let digits_fit = if whole.is_empty() {
        text == number && is_digits(fraction)
    } else {
        is_digits(whole) && fraction.chars().all(digit_or_underscore)
    };
    exponent_fits && digits_fit
}

fn is_integer(text: &str) -> bool {
    let number = unsigned(text);
    let digits = |prefix: &str, digit: fn(char) -> bool| {
        number
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|char| char == '_' || digit(char)))
    };
    let positive = number.starts_with(|char| matches!(char, '1'..='9'));
    let sixties =
        || number.split_once(':').is_some_and(|(hours, rest)| is_digits(hours) && are_sixties(rest.split(':')));
    number == "0"
        || digits("0b", |char| matches!(char, '0' | '1'))
        || digits("0x", |char| char.is_ascii_hexdigit())
        || digits("0", |char| matches!(char, '0'..='7'))
        || (positive && (is_digits(number) || sixties()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_decide() {
        for (kind, texts) in [
            (Kind::Null, "~ null Null NULL"),
            (Kind::Bool, "yes Yes YES no on Off OFF true False"),
            (Kind::Integer, "0 -1 +12 1_000 0b11 0x1F 010 0_ 0b_ 1:30 190:20:30"),
            (Kind::Float, "1. 1.5 -1.5 1_0.2_5 .5 1.5e+3 1.e-3 .inf -.INF .nan 190:20:30.15 0:1.5"),
            (Kind::Timestamp, "2024-01-01 2001-12-14t21:59:43.10-05:00 2024-1-1T1:02:03Z"),
            (
                Kind::Text,
                "y N nULL tRUE 1e3 1.5e3 -.5 -.nan 08 0o10 0x 0b2 1:60 1:9: :1 1.2.3 1,000 2024-1-1 - + . _1 ._1 1.5:30 Ye yeS",
            ),
            (Kind::Merge, "<<"),
            (Kind::Value, "="),
        ] {
            for text in texts.split(' ') {
                assert_eq!(kind_of(text), kind, "{text}");
            }
        }
        assert_eq!(kind_of(""), Kind::Null);
    }
}
