//! Python's `repr` and `str`.

use std::fmt::Write as _;

use ptb_core::python::is_printable;
use thiserror::Error;

use super::Text;
use super::value::{DateTime, MAX_INTEGER_DIGITS, Value};

/// A value that Python cannot print either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "ValueError: Exceeds the limit (4300) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit"
)]
pub struct Unprintable;

/// The value as `repr` prints it.
pub fn repr(value: &Value) -> Result<String, Unprintable> {
    let mut out = String::new();
    write_repr(value, &mut out)?;
    Ok(out)
}

/// The value as `str` prints it: texts without quotes, times for people, all else as [`repr`].
pub fn str_of(value: &Value) -> Result<Text, Unprintable> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::DateTime(time) => Ok(spelt_time(time).as_str().into()),
        value => repr(value).map(|text| text.as_str().into()),
    }
}

fn write_repr(value: &Value, out: &mut String) -> Result<(), Unprintable> {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Integer(value) => {
            let digits = value.to_string();
            if digits.trim_start_matches('-').len() > MAX_INTEGER_DIGITS {
                return Err(Unprintable);
            }
            out.push_str(&digits);
        }
        Value::Float(value) => out.push_str(&repr_float(*value)),
        Value::Text(text) => write_text(text, out),
        Value::List(values) => write_all(values, ["[", "]"], out)?,
        Value::Tuple(values) => write_all(values, ["(", if values.len() == 1 { ",)" } else { ")" }], out)?,
        Value::Dict(dict) => {
            out.push('{');
            for (index, (key, value)) in dict.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_repr(key, out)?;
                out.push_str(": ");
                write_repr(value, out)?;
            }
            out.push('}');
        }
        Value::DateTime(time) => write_time(time, out),
    }
    Ok(())
}

fn write_all(values: &[Value], [open, close]: [&str; 2], out: &mut String) -> Result<(), Unprintable> {
    out.push_str(open);
    for (index, value) in values.iter().enumerate() {
        out.push_str(if index > 0 { ", " } else { "" });
        write_repr(value, out)?;
    }
    out.push_str(close);
    Ok(())
}

/// The shortest digits that read back as the same double; from 1e16 on and below 1e-4 with an exponent.
fn repr_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // As many digits as are needed; of two that are equally near, the even one.
    let needed = format!("{value:e}").bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let scientific = format!("{value:.*e}", needed - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let decimals = usize::try_from(needed as i32 - 1 - exponent).unwrap_or(0).max(1);
        format!("{value:.decimals$}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
    }
}

/// The text in quotes, as `repr` prints it.
pub fn repr_text(text: &Text) -> String {
    let mut out = String::new();
    write_text(text, &mut out);
    out
}

fn write_text(text: &Text, out: &mut String) {
    let has = |quote: char| text.codes().contains(&u32::from(quote));
    // Single quotes, unless only these stand in the text.
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    out.push(quote);
    for code in text.codes() {
        write_char(*code, quote, out);
    }
    out.push(quote);
}

fn write_char(code: u32, quote: char, out: &mut String) {
    match char::from_u32(code) {
        Some('\t') => out.push_str("\\t"),
        Some('\n') => out.push_str("\\n"),
        Some('\r') => out.push_str("\\r"),
        Some(char) if char == quote || char == '\\' => out.extend(['\\', char]),
        Some(char) if is_printable(code) => out.push(char),
        // Writing to a String cannot fail.
        _ => drop(match code {
            0..=0xff => write!(out, "\\x{code:02x}"),
            0x100..=0xffff => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        }),
    }
}

/// Such as `2024-01-01 10:00:00.500000+01:00`.
fn spelt_time(time: &DateTime) -> String {
    let (date, clock) = (time.clock.date(), time.clock.time());
    let mut out = format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    if time.is_date {
        return out;
    }
    let _ = write!(out, " {:02}:{:02}:{:02}", clock.hour(), clock.minute(), clock.second());
    if clock.subsec_nanosecond() > 0 {
        let _ = write!(out, ".{:06}", clock.subsec_nanosecond() / 1000);
    }
    if let Some(offset) = time.offset {
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.unsigned_abs() / 60;
        let _ = write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
    out
}

/// Such as `datetime.date(2024, 1, 1)`.
fn write_time(time: &DateTime, out: &mut String) {
    let (date, clock) = (time.clock.date(), time.clock.time());
    let kind = if time.is_date { "date" } else { "datetime" };
    let _ = write!(out, "datetime.{kind}({}, {}, {}", date.year(), date.month(), date.day());
    if !time.is_date {
        let micros = clock.subsec_nanosecond() / 1000;
        let _ = write!(out, ", {}, {}", clock.hour(), clock.minute());
        if clock.second() > 0 || micros > 0 {
            let _ = write!(out, ", {}", clock.second());
        }
        if micros > 0 {
            let _ = write!(out, ", {micros}");
        }
    }
    if let Some(offset) = time.offset {
        let _ = write!(out, ", tzinfo={}", repr_offset(offset));
    }
    out.push(')');
}

/// Python keeps the seconds of an offset from 0 up and borrows whole days for those to the west.
fn repr_offset(offset: i32) -> String {
    match (offset, offset.div_euclid(86_400), offset.rem_euclid(86_400)) {
        (0, ..) => "datetime.timezone.utc".to_owned(),
        (_, 0, seconds) => format!("datetime.timezone(datetime.timedelta(seconds={seconds}))"),
        (_, days, 0) => format!("datetime.timezone(datetime.timedelta(days={days}))"),
        (_, days, seconds) => format!("datetime.timezone(datetime.timedelta(days={days}, seconds={seconds}))"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_the_shortest_digits() {
        for (value, expected) in [
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (1.234_567_890_123_456_8e29, "1.2345678901234568e+29"),
            (5e-324, "5e-324"),
            (2_870_590_227_475.156_2, "2870590227475.1562"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (9.5, "9.5"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr(&Value::Float(value)).unwrap(), expected);
        }
    }

    #[test]
    fn texts_choose_their_quotes_and_escape_what_cannot_be_seen() {
        for (text, expected) in [
            ("a", "'a'"),
            ("it's", r#""it's""#),
            ("it's \"x\"", r#"'it\'s "x"'"#),
            ("\t\n\r\\\0\u{7f}\u{a0}é\u{200b}\u{1f600}\u{10ffff}", r"'\t\n\r\\\x00\x7f\xa0é\u200b😀\U0010ffff'"),
        ] {
            assert_eq!(repr_text(&text.into()), expected);
        }
    }

    #[test]
    fn integers_have_a_limit() {
        let power = |digits: u32| Value::Integer(num_bigint::BigInt::from(10).pow(digits));
        assert_eq!(repr(&power(4300)), Err(Unprintable));
        assert_eq!(repr(&power(4299)).unwrap().len(), 4300);
    }

    #[test]
    fn tuples_of_one_have_a_comma() {
        let one = || vec![Value::None];
        assert_eq!(repr(&Value::Tuple(one())).unwrap(), "(None,)");
        assert_eq!(repr(&Value::List(vec![Value::Tuple(vec![]), Value::List(one())])).unwrap(), "[(), [None]]");
    }

    #[test]
    fn times_are_printed_as_python_does() {
        let time = |is_date, offset| {
            Value::DateTime(DateTime {
                clock: jiff::civil::datetime(2001, 12, 14, 21, 59, 43, 100_000_000),
                is_date,
                offset,
            })
        };
        assert_eq!(repr(&time(true, None)).unwrap(), "datetime.date(2001, 12, 14)");
        assert_eq!(
            repr(&time(false, Some(-18000))).unwrap(),
            "datetime.datetime(2001, 12, 14, 21, 59, 43, 100000, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=68400)))"
        );
        assert_eq!(str_of(&time(false, Some(-18000))).unwrap(), "2001-12-14 21:59:43.100000-05:00".into());
    }
}
