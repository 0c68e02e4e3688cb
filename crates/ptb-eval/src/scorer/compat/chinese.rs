//! Chinese numerals.

use super::Raised;
use super::number::any_digit;
use super::superscript::{MOST_DIGITS, Overflow};

/// Only signs with a numeric value come here, so the signs of points and of minus are not among them.
pub(super) fn is_sign(char: char) -> bool {
    digit(char).is_some() || tens(char).is_some() || small_unit(char).is_some() || large_unit(char).is_some()
}

/// The digit that a sign stands for.
pub(super) fn digit(char: char) -> Option<u32> {
    Some(match char {
        '零' | '〇' => 0,
        '一' | '壹' | '幺' => 1,
        '二' | '贰' | '貳' | '两' | '兩' => 2,
        '三' | '叁' | '參' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    })
}

fn tens(char: char) -> Option<u128> {
    Some(match char {
        '廿' => 20,
        '卅' => 30,
        '卌' => 40,
        _ => return None,
    })
}

fn small_unit(char: char) -> Option<u128> {
    Some(match char {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1000,
        _ => return None,
    })
}

fn large_unit(char: char) -> Option<u128> {
    Some(match char {
        '万' | '萬' => 10_000,
        '亿' | '億' => 100_000_000,
        '兆' => 1_000_000_000_000,
        _ => return None,
    })
}

/// A number in Chinese signs, perhaps with digits of other scripts and a point.
pub(super) struct Chinese<'a>(pub(super) &'a str);

impl Chinese<'_> {
    /// Its value; none where a sign does not fit.
    pub(super) fn value(&self) -> Result<Option<f64>, Raised> {
        let (whole, fraction) = self.0.split_once('.').unwrap_or((self.0, ""));
        let has_unit = |char| tens(char).is_some() || small_unit(char).is_some() || large_unit(char).is_some();
        let whole = if whole.contains(has_unit) { with_units(whole) } else { digit_by_digit(whole)? };
        match whole.zip(fraction_of(fraction)) {
            Some((whole, _)) if whole.is_infinite() => Err(Overflow::Conversion.into()),
            value => Ok(value.map(|(whole, fraction)| whole + fraction)),
        }
    }
}

fn digit_by_digit(whole: &str) -> Result<Option<f64>, Raised> {
    let digit = |char| any_digit(char).and_then(|digit| char::from_digit(digit, 10));
    let Some(digits) = whole.chars().map(digit).collect::<Option<String>>() else { return Ok(None) };
    if digits.len() > MOST_DIGITS {
        return Err(Raised::value_error(&format!(
            "Exceeds the limit ({MOST_DIGITS}) for integer string conversion: value has {} digits; use \
             sys.set_int_max_str_digits() to increase the limit",
            digits.len()
        )));
    }
    Ok(if digits.is_empty() { Some(0.0) } else { digits.parse().ok() })
}

/// Units multiply the digit before them, large ones all since the last large one.
fn with_units(whole: &str) -> Option<f64> {
    let (mut total, mut section, mut number) = (0_u128, 0_u128, 0_u128);
    for char in whole.chars() {
        if let Some(tens) = tens(char) {
            section += tens;
        } else if matches!(char, '零' | '〇') {
            // A place that is left out.
        } else if let Some(digit) = any_digit(char) {
            number = digit.into();
        } else if let Some(unit) = small_unit(char) {
            section += number.max(1) * unit;
            number = 0;
        } else {
            total += (section + number) * large_unit(char)?;
            (section, number) = (0, 0);
        }
    }
    Some((total + section + number) as f64)
}

fn fraction_of(digits: &str) -> Option<f64> {
    let mut fraction = 0.0;
    let mut place = 0.1;
    for char in digits.chars() {
        fraction += f64::from(any_digit(char)?) * place;
        place /= 10.0;
    }
    Some(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<f64> {
        Chinese(text).value().unwrap()
    }

    #[test]
    fn units_multiply() {
        for (text, expected) in [
            ("一百零五", 105.0),
            ("十", 10.0),
            ("廿一", 21.0),
            ("二万三千", 23_000.0),
            ("万", 0.0),
            ("3千5", 3005.0),
            ("一兆二億", 1.0002e12),
            ("五.25", 5.25),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        assert_eq!(value("ⅻ五"), None);
        assert_eq!(value("五.十"), None);
    }

    #[test]
    fn very_long_numbers_raise() {
        assert!(
            Chinese(&"九".repeat(4301))
                .value()
                .unwrap_err()
                .to_string()
                .starts_with("ValueError('Exceeds the limit (4300)")
        );
        assert!(
            Chinese(&"九".repeat(400)).value().unwrap_err().to_string().starts_with("OverflowError('int too large")
        );
    }
}
