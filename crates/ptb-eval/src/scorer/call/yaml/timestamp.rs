//! Days and times.

use jiff::civil;

use super::YamlError;
use crate::scorer::call::python::{DateTime, Value};

/// Whether the text has the form of a day or a time; its numbers may still be out of range.
pub(super) fn is_timestamp(text: &str) -> bool {
    parts(text).is_some()
}

/// The parts of a timestamp as they are written.
struct Parts<'a> {
    day: [&'a str; 3],
    clock: Option<Clock<'a>>,
}

struct Clock<'a> {
    time: [&'a str; 3],
    fraction: &'a str,
    zone: Option<Zone<'a>>,
}

/// The distance from Greenwich; `Z` is none in hours.
struct Zone<'a> {
    is_west: bool,
    hours: &'a str,
    minutes: &'a str,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (year, rest) = digits(text, 4, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 1, 2)?;
    let day_parts = [year, month, day];
    if rest.is_empty() {
        return (month.len() == 2 && day.len() == 2).then_some(Parts { day: day_parts, clock: None });
    }
    let rest = match rest.strip_prefix(['T', 't']) {
        Some(rest) => rest,
        None => rest.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']),
    };
    let (hour, rest) = digits(rest, 1, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2, 2)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest, 0, usize::MAX)?,
        None => ("", rest),
    };
    let zone = if rest.is_empty() { None } else { Some(zone(rest)?) };
    Some(Parts { day: day_parts, clock: Some(Clock { time: [hour, minute, second], fraction, zone }) })
}

fn zone(text: &str) -> Option<Zone<'_>> {
    let text = text.trim_start_matches([' ', '\t']);
    if text == "Z" {
        return Some(Zone { is_west: false, hours: "0", minutes: "0" });
    }
    let (hours, rest) = digits(text.strip_prefix(['-', '+'])?, 1, 2)?;
    let (minutes, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest, 2, 2)?,
        None => ("0", rest),
    };
    rest.is_empty().then_some(Zone { is_west: text.starts_with('-'), hours, minutes })
}

/// The digits at the beginning, at most `most` of them, and the rest; none where there are fewer than `least`.
fn digits(text: &str, least: usize, most: usize) -> Option<(&str, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (count >= least).then(|| text.split_at(count))
}

/// The day or time of a text in that form.
pub(super) fn timestamp(text: &str) -> Result<Value, YamlError> {
    let no_match = "AttributeError: 'NoneType' object has no attribute 'groupdict'";
    let parts = parts(text).ok_or_else(|| YamlError::Raised(no_match.to_owned()))?;
    let value = parts.value().ok_or_else(|| YamlError::Raised("ValueError: a day or time out of range".to_owned()))?;
    Ok(Value::DateTime(value))
}

impl Parts<'_> {
    fn value(&self) -> Option<DateTime> {
        let [year, month, day] = self.day;
        let year = year.parse().ok().filter(|year| *year > 0)?;
        let date = civil::Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()?;
        let Some(clock) = &self.clock else {
            return Some(DateTime { clock: date.to_datetime(civil::Time::midnight()), is_date: true, offset: None });
        };
        let [hour, minute, second] = clock.time;
        let micros: String = clock.fraction.chars().chain("000000".chars()).take(6).collect();
        let second = second.parse().ok().filter(|second| *second < 60)?;
        let nanos = micros.parse::<i32>().ok()? * 1000;
        let time = civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, second, nanos).ok()?;
        let offset = match &clock.zone {
            None => None,
            Some(zone) => Some(zone.offset()?),
        };
        Some(DateTime { clock: date.to_datetime(time), is_date: false, offset })
    }
}

impl Zone<'_> {
    /// Seconds east of Greenwich, less than a day.
    fn offset(&self) -> Option<i32> {
        let minutes = self.hours.parse::<i32>().ok()? * 60 + self.minutes.parse::<i32>().ok()?;
        let seconds = minutes * if self.is_west { -60 } else { 60 };
        (minutes < 24 * 60).then_some(seconds)
    }
}
