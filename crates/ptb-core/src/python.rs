//! How Python prints and reads texts and numbers: the field's templates, prompts and scorers are written in it, and what
//! they give must be given to the letter.

mod printable;

use std::fmt::Write as _;

pub use printable::is_printable;

/// Whether `str.isspace` and `str.strip` take the character for white space. Four separators of ASCII are among them that
/// Unicode does not count.
pub fn is_space(char: char) -> bool {
    char.is_whitespace() || matches!(char, '\x1c'..='\x1f')
}

/// The number as `str` prints it: the shortest digits that read back as the same number, in scientific form below 1e-4
/// and from 1e16 on.
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ if number.fract() == 0.0 => format!("{number:.1}"),
        _ => number.to_string(),
    }
}

/// The quotes that `repr` puts around the text: single ones, unless only these stand in it.
pub fn quote(text: &str) -> char {
    if text.contains('\'') && !text.contains('"') { '"' } else { '\'' }
}

/// Appends one character of a text between `quote`s as `repr` prints it.
pub fn write_escaped(char: char, quote: char, out: &mut String) {
    match char {
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        _ if char == quote || char == '\\' => out.extend(['\\', char]),
        _ if is_printable(char.into()) => out.push(char),
        // Writing to a string cannot fail.
        _ => drop(match u32::from(char) {
            code @ ..0x100 => write!(out, "\\x{code:02x}"),
            code @ ..0x1_0000 => write!(out, "\\u{code:04x}"),
            code => write!(out, "\\U{code:08x}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_shortest_digits() {
        for (number, text) in [
            (1e-5, "1e-05"),
            (1.0, "1.0"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let escaped = |text: &str| {
            let mut out = String::new();
            text.chars().for_each(|char| write_escaped(char, quote(text), &mut out));
            out
        };
        assert_eq!(escaped("it's \"x\""), r#"it\'s "x""#);
        assert_eq!(escaped("it's"), "it's");
        assert_eq!(
            escaped("\t\\\0\u{7f}\u{a0}é\u{200b}\u{378}😀\u{10ffff}"),
            r"\t\\\x00\x7f\xa0é\u200b\u0378😀\U0010ffff"
        );
    }

    #[test]
    fn separators_are_white_space() {
        let spaces = (0..=0x0010_ffff).filter_map(char::from_u32).filter(|char| is_space(*char)).count();
        assert_eq!((spaces, is_space('\x1c'), is_space('\u{200b}')), (29, true, false));
    }
}
