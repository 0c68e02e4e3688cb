//! Exponents and fractions that are one character.

use super::Raised;
use crate::scorer::digits::decimal_digit;
use crate::scorer::python_text::digit_value;

/// What Python says where a result is too large for a float.
pub(super) const OUT_OF_RANGE: &str = "(34, 'Numerical result out of range')";

const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// Most digits that Python turns into an integer.
pub(super) const MOST_DIGITS: usize = 4300;

/// Whether the character is a digit in an exponent's place.
pub(super) fn is_superscript(char: char) -> bool {
    SUPERSCRIPTS.contains(&char)
}

/// The fractions that the reference's first reader knows.
pub(super) fn common_fraction(char: char) -> Option<f64> {
    let (above, below) = match char {
        '½' => (1.0, 2.0),
        '⅓' => (1.0, 3.0),
        '⅔' => (2.0, 3.0),
        '¼' => (1.0, 4.0),
        '¾' => (3.0, 4.0),
        '⅕' => (1.0, 5.0),
        '⅖' => (2.0, 5.0),
        '⅗' => (3.0, 5.0),
        '⅘' => (4.0, 5.0),
        '⅙' => (1.0, 6.0),
        '⅚' => (5.0, 6.0),
        '⅐' => (1.0, 7.0),
        '⅛' => (1.0, 8.0),
        '⅜' => (3.0, 8.0),
        '⅝' => (5.0, 8.0),
        '⅞' => (7.0, 8.0),
        '⅑' => (1.0, 9.0),
        '⅒' => (1.0, 10.0),
        _ => return None,
    };
    Some(above / below)
}

/// Python's `int` of digits of any script, superscript ones included; none where Python refuses the text.
pub(super) fn exponent_of(digits: &str) -> Option<Exponent> {
    let digit = |char: char| {
        if is_superscript(char) {
            digit_value(char).and_then(|digit| char::from_digit(digit, 10))
        } else {
            decimal_digit(char)
        }
    };
    let digits: String = digits.chars().map(digit).collect::<Option<_>>()?;
    let is_integer = (1..=MOST_DIGITS).contains(&digits.len());
    is_integer.then(|| Exponent(digits.parse().unwrap_or(f64::INFINITY)))
}

/// An exponent that is not negative; infinite where it is too large for a float.
pub(super) struct Exponent(f64);

impl Exponent {
    /// Python's `base ** exponent` of a float that is not negative and an integer.
    pub(super) fn power_of(&self, base: f64) -> Result<f64, Overflow> {
        if self.0.is_infinite() {
            return Err(Overflow::Conversion);
        }
        let power = base.powf(self.0);
        if power.is_infinite() && base.is_finite() { Err(Overflow::Result) } else { Ok(power) }
    }
}

/// Why a power is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overflow {
    Conversion,
    Result,
}

impl Overflow {
    /// The text of Python's exception.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Conversion => "int too large to convert to float",
            Self::Result => OUT_OF_RANGE,
        }
    }
}

impl From<Overflow> for Raised {
    fn from(overflow: Overflow) -> Self {
        match overflow {
            Overflow::Conversion => Self::new("OverflowError", overflow.message()),
            Overflow::Result => Self::out_of_range(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_python() {
        let power = |base, exponent: &str| exponent_of(exponent).map(|exponent| exponent.power_of(base));
        assert_eq!(power(2.0, "¹⁰"), Some(Ok(1024.0)));
        assert_eq!(power(2.0, "¹0٣"), Some(Ok(2_f64.powi(103))));
        assert_eq!(power(10.0, "⁹⁹⁹"), Some(Err(Overflow::Result)));
        assert_eq!(power(0.5, "⁹⁹⁹⁹⁹"), Some(Ok(0.0)));
        assert_eq!(power(1.0, &"9".repeat(400)), Some(Err(Overflow::Conversion)));
        assert_eq!(power(1.0, &"9".repeat(4301)), None);
        assert_eq!(power(1.0, "²½"), None);
    }
}
