//! Python's `format(number, ".5g")`.

/// The number with five significant digits; with an exponent below -4 and from 5 on.
pub(super) fn five_digits(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "nan"
        } else if number > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let scientific = format!("{number:.4e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..5).contains(&exponent) {
        return without_zeros(&format!("{number:.*}", (4 - exponent) as usize)).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), exponent.unsigned_abs())
}

/// Without the zeros at the end of a fraction, and without its point where nothing is left of it.
fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_python() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (18.0, "18"),
            (0.5, "0.5"),
            (100_000.0, "1e+05"),
            (118_004.0, "1.18e+05"),
            (17.999_999, "18"),
            (100_005.0, "1e+05"),
            (100_015.0, "1.0002e+05"),
            (99_999.5, "1e+05"),
            (0.000_123_456, "0.00012346"),
            (0.000_012_345_6, "1.2346e-05"),
            (1e300, "1e+300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(five_digits(number), text);
        }
    }

    #[test]
    fn texts_are_as_recorded() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden/evals/units.jsonl");
        let Ok(lines) = std::fs::read_to_string(path) else { return };
        for line in lines.lines().filter(|line| line.contains("\"format_5g\"")) {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let bits = u64::from_str_radix(record["bits"].as_str().unwrap(), 16).unwrap();
            assert_eq!(five_digits(f64::from_bits(bits)), record["text"], "{line}");
        }
    }
}
