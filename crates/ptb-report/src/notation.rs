//! How numbers, times and marks are written. Every number is rounded once, here.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::leaderboard::Mark;
use crate::statistics::Summary;

/// What stands where there is no number.
pub const NOTHING: &str = "–";

/// A score or a spread with three decimals.
pub fn score(value: f64) -> String {
    format!("{value:.3}")
}

/// `0.785 ± 0.029`, or only the value where the spread is unknown.
pub fn summary(summary: &Summary) -> String {
    match summary.spread {
        Some(spread) => format!("{} ± {}", score(summary.value), score(spread.value())),
        None => score(summary.value),
    }
}

/// The signs of marks, one after the other.
pub fn signs(marks: &BTreeSet<Mark>) -> String {
    marks.iter().map(|mark| mark.sign()).collect()
}

/// A number with its marks, `–` without one.
pub fn marked(value: Option<&Summary>, marks: &BTreeSet<Mark>) -> String {
    let number = value.map_or_else(|| NOTHING.to_owned(), summary);
    let signs = signs(marks);
    if signs.is_empty() { number } else { format!("{number} {signs}") }
}

/// A duration at the precision people care about: `8.4 s`, `75 s`, `12 min 5 s`, `9 h 59 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NOTHING.to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..3600 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        120..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => {
            let minutes = (seconds / 60.0).round() as u64;
            if minutes.is_multiple_of(60) {
                format!("{} h", minutes / 60)
            } else {
                format!("{} h {} min", minutes / 60, minutes % 60)
            }
        }
    }
}

/// A size in bytes, in decimal units.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A whole number with a space that does not break between groups of three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// Date and time of day in UTC.
pub fn date_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Time of day in UTC.
pub fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%S").to_string()
}

/// The first twelve digits of a hash: enough to compare by eye.
pub fn short_hash(hash: &str) -> String {
    hash.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Spread;

    #[test]
    fn numbers_are_rounded_once_and_say_how_sure_they_are() {
        let mut value = Summary { value: 0.785_49, spread: Some(Spread::StandardError(0.029_04)), replicates: 1 };
        assert_eq!(summary(&value), "0.785 ± 0.029");
        value.spread = None;
        assert_eq!(marked(Some(&value), &BTreeSet::from([Mark::Flagged])), "0.785 †");
        assert_eq!(marked(None, &BTreeSet::new()), "–");
    }

    #[test]
    fn durations_and_sizes_have_the_unit_that_fits() {
        let shown = [8.44, 75.4, 119.6, 725.0, 36_000.0, 35_970.0, f64::NAN].map(duration);
        assert_eq!(shown, ["8.4 s", "75 s", "2 min", "12 min 5 s", "10 h", "10 h", "–"]);
        assert_eq!([999, 1000, 999_960, 8_000_000].map(bytes), ["999 B", "1.0 kB", "1.0 MB", "8.0 MB"]);
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
