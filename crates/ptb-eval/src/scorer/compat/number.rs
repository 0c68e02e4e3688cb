//! The value of a numeral: two readers of the reference, the second where the first gives up.
//!
//! Only words of numerals and points come here, so signs, separators and exponents in letters need no reader.

use super::Raised;
use super::chinese::{self, Chinese};
use super::superscript::{common_fraction, exponent_of, is_superscript};
use crate::scorer::digits::decimal_digit;
use crate::scorer::python_text::{digit_value, numeric_value};

/// The value of a word of numerals and points.
pub(in crate::scorer) fn number_of(word: &str) -> Result<f64, Raised> {
    match common_number(word)? {
        Some(number) => Ok(number),
        None => any_number(word),
    }
}

/// The reader for digits with common fractions and exponents; none where it gives up.
///
/// A fraction may stand anywhere before the exponent, and of the rest only the number in front counts.
fn common_number(word: &str) -> Result<Option<f64>, Raised> {
    let exponent_start = word.find(is_superscript).unwrap_or(word.len());
    let (base, exponent) = word.split_at(exponent_start);
    let mut fractions = base.chars().filter_map(common_fraction);
    let fraction = fractions.next();
    if fractions.next().is_some() {
        return Ok(None);
    }
    let whole: String = base.chars().filter(|char| common_fraction(*char).is_none()).collect();
    let whole = if whole.is_empty() { None } else { Some(leading_number(&whole)) };
    let value = match (whole, fraction) {
        (Some(None), _) => return Ok(None),
        (Some(Some(whole)), fraction) => whole + fraction.unwrap_or_default(),
        (None, Some(fraction)) => fraction,
        (None, None) => 1.0,
    };
    if exponent.is_empty() {
        return Ok(Some(value));
    }
    exponent_of(exponent).map(|exponent| exponent.power_of(value)).transpose().map_err(Raised::from)
}

/// The number that a text begins with: digits, and behind a point more digits.
fn leading_number(text: &str) -> Option<f64> {
    let mut digits = String::new();
    let mut rest = text.chars().peekable();
    while let Some(digit) = rest.peek().copied().and_then(decimal_digit) {
        digits.push(digit);
        rest.next();
    }
    if digits.is_empty() {
        return None;
    }
    if rest.next() == Some('.') {
        digits.push('.');
        digits.extend(rest.map_while(decimal_digit));
    }
    digits.parse().ok()
}

/// The reader for all numerals.
fn any_number(word: &str) -> Result<f64, Raised> {
    if let Some(value) = only_char(word).and_then(numeric_value) {
        return Ok(value);
    }
    let base = word.trim_end_matches(is_superscript);
    let (base, exponent) = if base.is_empty() { (word, "") } else { word.split_at(base.len()) };
    let exponent = match exponent {
        "" => None,
        digits => {
            Some(exponent_of(digits).ok_or_else(|| Raised::value_error(&format!("Invalid exponent in '{word}'")))?)
        }
    };
    let value =
        with_fraction(base)?.ok_or_else(|| Raised::value_error(&format!("Could not parse number from '{word}'")))?;
    let Some(exponent) = exponent else { return Ok(value) };
    exponent.power_of(value).map_err(|overflow| {
        Raised::value_error(&format!("Invalid exponent operation for '{word}': {}", overflow.message()))
    })
}

/// A number that may end with a fraction of one character.
fn with_fraction(base: &str) -> Result<Option<f64>, Raised> {
    let is_fraction = |char: &char| numeric_value(*char).is_some_and(|value| value > 0.0 && value < 1.0);
    let mut fractions = base.char_indices().filter(|(_, char)| is_fraction(char));
    let Some((place, char)) = fractions.next() else { return without_fraction(base) };
    if fractions.next().is_some() {
        return Err(Raised::value_error(&format!("Multiple fraction characters in '{base}'")));
    }
    let (head, tail) = (&base[..place], &base[place + char.len_utf8()..]);
    if !tail.is_empty() {
        return Err(Raised::value_error(&format!("Unexpected characters after fraction in '{base}'")));
    }
    let head = match head {
        "" => 0.0,
        head => {
            without_fraction(head)?.ok_or_else(|| Raised::value_error(&format!("Invalid base part in '{base}'")))?
        }
    };
    Ok(Some(head + numeric_value(char).unwrap_or_default()))
}

fn without_fraction(base: &str) -> Result<Option<f64>, Raised> {
    if base.contains(chinese::is_sign)
        && let Some(value) = Chinese(base).value()?
    {
        return Ok(Some(value));
    }
    Ok(digits_of_any_script(base).or_else(|| only_char(base).and_then(numeric_value)))
}

/// A decimal number in digits of any script.
fn digits_of_any_script(text: &str) -> Option<f64> {
    let plain =
        |char| if char == '.' { Some('.') } else { any_digit(char).and_then(|digit| char::from_digit(digit, 10)) };
    let plain: String = text.chars().map(plain).collect::<Option<_>>()?;
    plain.parse().ok()
}

/// The digit that a character stands for, Chinese ones included.
pub(super) fn any_digit(char: char) -> Option<u32> {
    digit_value(char).or_else(|| chinese::digit(char))
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_of_all_kinds_have_values() {
        for (word, value) in [
            ("18", 18.0),
            (".5", 0.5),
            ("1.2.3", 1.2),
            ("2½", 2.5),
            ("1½2", 12.5),
            ("5²", 25.0),
            ("²", 1.0),
            ("½²", 0.25),
            ("٣٢", 32.0),
            ("Ⅻ", 12.0),
            ("Ⅻ½", 12.5),
            ("十二", 12.0),
            ("二〇二五", 2025.0),
            ("三万五千", 35_000.0),
            ("十二³", 1728.0),
            ("①②", 12.0),
        ] {
            assert_eq!(number_of(word), Ok(value), "{word}");
        }
    }

    #[test]
    fn some_words_raise() {
        for (word, raised) in [
            ("ⅻ5", "ValueError(\"Could not parse number from 'ⅻ5'\")"),
            ("½½", "ValueError(\"Multiple fraction characters in '½½'\")"),
            ("½五", "ValueError(\"Unexpected characters after fraction in '½五'\")"),
            ("ⅻⅻ½", "ValueError(\"Invalid base part in 'ⅻⅻ½'\")"),
            ("10⁹⁹⁹", "OverflowError(34, 'Numerical result out of range')"),
        ] {
            assert_eq!(number_of(word).unwrap_err().to_string(), raised);
        }
    }
}
