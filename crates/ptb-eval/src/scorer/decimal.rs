//! Decimal numbers compared exactly, without floats.

use std::fmt;

/// A finite decimal number of any length. Equal numbers are equal whatever zeros they were written with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// ASCII digits without zeros at either end; empty for zero.
    digits: String,
    /// Power of ten of the last digit; 0 for zero.
    exponent: i64,
}

impl Decimal {
    /// The number written as `whole.fraction`, both ASCII digits and possibly empty.
    pub(crate) fn new(negative: bool, whole: &str, fraction: &str) -> Self {
        let all = format!("{whole}{fraction}");
        let without_end = all.trim_end_matches('0');
        let exponent = (all.len() - without_end.len()) as i64 - fraction.len() as i64;
        let digits = without_end.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }

    /// The number times ten to the power of `power`.
    pub(crate) fn shifted(mut self, power: i32) -> Self {
        if !self.digits.is_empty() {
            self.exponent += i64::from(power);
        }
        self
    }

    /// The number with the other sign where `negative` holds.
    pub(crate) fn with_sign(mut self, negative: bool) -> Self {
        self.negative = negative && !self.digits.is_empty();
        self
    }
}

impl fmt::Display for Decimal {
    /// Writes the number in full, without separators or an exponent.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let length = self.digits.len() as i64;
        let text = if self.digits.is_empty() {
            "0".to_owned()
        } else if self.exponent >= 0 {
            format!("{sign}{}{}", self.digits, "0".repeat(self.exponent as usize))
        } else if -self.exponent < length {
            let (whole, fraction) = self.digits.split_at((length + self.exponent) as usize);
            format!("{sign}{whole}.{fraction}")
        } else {
            format!("{sign}0.{}{}", "0".repeat((-self.exponent - length) as usize), self.digits)
        };
        formatter.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zeros_at_the_ends_do_not_count() {
        for (whole, fraction) in [("18", ""), ("018", "0"), ("00018", "000")] {
            assert_eq!(Decimal::new(false, whole, fraction).to_string(), "18");
        }
        assert_eq!(Decimal::new(true, "0", "00"), Decimal::new(false, "", ""));
    }

    #[test]
    fn neighbours_of_a_long_number_differ() {
        let long = "9".repeat(400);
        assert_ne!(Decimal::new(false, &long, ""), Decimal::new(false, &long, "1"));
        assert_ne!(Decimal::new(false, "118000", ""), Decimal::new(false, "118001", ""));
    }

    #[test]
    fn powers_of_ten_move_the_point() {
        assert_eq!(Decimal::new(false, "2", "125").shifted(3).to_string(), "2125");
        assert_eq!(Decimal::new(true, "18", "").shifted(-3).to_string(), "-0.018");
        assert_eq!(Decimal::new(false, "0", "").shifted(30).to_string(), "0");
    }

    proptest! {
        #[test]
        fn whole_numbers_are_written_as_they_are(number in any::<i64>()) {
            let decimal = Decimal::new(number < 0, &number.unsigned_abs().to_string(), "");
            prop_assert_eq!(decimal.to_string(), number.to_string());
        }

        #[test]
        fn decimals_are_equal_exactly_when_their_values_are(a in 0_u32..3000, b in 0_u32..3000) {
            let hundredths = |n: u32| Decimal::new(false, &(n / 100).to_string(), &format!("{:02}", n % 100));
            prop_assert_eq!(hundredths(a) == hundredths(b), a == b);
        }
    }
}
