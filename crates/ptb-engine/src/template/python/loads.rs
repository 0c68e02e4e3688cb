//! JSON as Python's `json.loads` reads it: the last of equal keys counts, integers have any size, `NaN` and `Infinity` are
//! numbers, and halves of surrogate pairs are characters.

use minijinja::value::Value;
use thiserror::Error;

use super::surrogate;
use super::value::{BigInteger, Dict, List};

/// Brackets in one another; Python gives up a little later.
const MAX_DEPTH: usize = 256;
/// Digits of an integer that Python still reads.
const MAX_DIGITS: usize = 4300;

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem} at byte {at}")]
pub(crate) struct LoadError {
    problem: &'static str,
    at: usize,
}

/// A value, and whether halves of surrogate pairs stand in it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The value.
    pub(crate) value: Value,
    /// Whether some of its characters stand in for halves of surrogate pairs.
    pub(crate) halves: bool,
}

/// The value of a JSON text.
pub(crate) fn loads(text: &str) -> Result<Loaded, LoadError> {
    let mut reader = Reader { text, at: 0, depth: 0, halves: false };
    reader.skip_blanks();
    let value = reader.value()?;
    reader.skip_blanks();
    if reader.at < text.len() {
        return reader.fail("there is more after the value");
    }
    Ok(Loaded { value, halves: reader.halves })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    halves: bool,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, problem: &'static str) -> Result<T, LoadError> {
        Err(LoadError { problem, at: self.at })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, expected: &str) -> bool {
        let there = self.rest().starts_with(expected);
        self.at += if there { expected.len() } else { 0 };
        there
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, LoadError> {
        match self.peek() {
            Some(b'"') => Ok(Value::from(self.string()?)),
            Some(b'{') => self.nested(Self::dict),
            Some(b'[') => self.nested(Self::list),
            _ => match self.word() {
                Some(value) => Ok(value),
                None => self.number(),
            },
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, LoadError>) -> Result<Value, LoadError> {
        if self.depth == MAX_DEPTH {
            return self.fail("there are too many brackets in one another");
        }
        self.depth += 1;
        self.at += 1;
        self.skip_blanks();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Result<Value, LoadError> {
        let mut items = Vec::new();
        if self.takes("]") {
            return Ok(List::value(items));
        }
        loop {
            items.push(self.value()?);
            if self.ends("]")? {
                return Ok(List::value(items));
            }
        }
    }

    fn dict(&mut self) -> Result<Value, LoadError> {
        let mut dict = Dict::default();
        if self.takes("}") {
            return Ok(Value::from_object(dict));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("expected a key in double quotes");
            }
            let key = self.string()?;
            self.skip_blanks();
            if !self.takes(":") {
                return self.fail("expected ':'");
            }
            self.skip_blanks();
            dict.insert(&key, self.value()?);
            if self.ends("}")? {
                return Ok(Value::from_object(dict));
            }
        }
    }

    /// Whether the brackets close here; otherwise a comma is passed over.
    fn ends(&mut self, close: &str) -> Result<bool, LoadError> {
        self.skip_blanks();
        if self.takes(close) {
            return Ok(true);
        }
        if !self.takes(",") {
            return self.fail("expected ',' or the closing bracket");
        }
        self.skip_blanks();
        Ok(false)
    }

    fn word(&mut self) -> Option<Value> {
        let words = [
            ("null", Value::from(())),
            ("true", Value::from(true)),
            ("false", Value::from(false)),
            ("NaN", Value::from(f64::NAN)),
            ("Infinity", Value::from(f64::INFINITY)),
            ("-Infinity", Value::from(f64::NEG_INFINITY)),
        ];
        words.into_iter().find(|(word, _)| self.takes(word)).map(|(_, value)| value)
    }

    fn digits(&self, from: usize) -> usize {
        self.text.as_bytes().iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn number(&mut self) -> Result<Value, LoadError> {
        let first = self.at + usize::from(self.peek() == Some(b'-'));
        let byte = |at: usize| self.text.as_bytes().get(at).copied();
        let whole = match byte(first) {
            Some(b'0') => 1,
            Some(b'1'..=b'9') => self.digits(first),
            _ => return self.fail("expected a value"),
        };
        let mut end = first + whole;
        if byte(end) == Some(b'.') && self.digits(end + 1) > 0 {
            end += 1 + self.digits(end + 1);
        }
        if matches!(byte(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
            let digits = self.digits(end + 1 + sign);
            end += if digits > 0 { 1 + sign + digits } else { 0 };
        }
        let text = &self.text[self.at..end];
        let number = if end == first + whole { integer(text) } else { text.parse::<f64>().ok().map(Value::from) };
        match number {
            Some(number) => {
                self.at = end;
                Ok(number)
            }
            None => self.fail("the integer has more digits than Python reads"),
        }
    }

    /// The text from an opening quote to the closing one.
    fn string(&mut self) -> Result<String, LoadError> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(plain) = rest.find(|char| matches!(char, '"' | '\\' | '\0'..='\x1f')) else {
                return self.fail("the text has no closing quote");
            };
            text.push_str(&rest[..plain]);
            self.at += plain;
            if self.takes("\"") {
                return Ok(text);
            }
            if !self.takes("\\") {
                return self.fail("a control character must be escaped");
            }
            text.push(self.escape()?);
        }
    }

    /// The character of an escape whose backslash has been passed.
    fn escape(&mut self) -> Result<char, LoadError> {
        let char = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fail("there is no such escape"),
        };
        self.at += 1;
        Ok(char)
    }

    fn unicode(&mut self) -> Result<char, LoadError> {
        let Some(first) = self.unit() else { return self.fail("expected four hexadecimal digits") };
        let after_first = self.at;
        if (0xd800..0xdc00).contains(&first) && self.takes("\\") {
            match self.unit() {
                Some(second @ 0xdc00..0xe000) => {
                    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    return char::from_u32(code).map_or_else(|| self.fail("there is no such character"), Ok);
                }
                _ => self.at = after_first,
            }
        }
        self.halves |= (0xd800..0xe000).contains(&first);
        surrogate::stand_in(first).map_or_else(|| self.fail("there is no such character"), Ok)
    }

    /// The number behind `u`, which is passed over with it.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest().strip_prefix('u')?.get(..4)?;
        let unit = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?;
        self.at += 5;
        unit
    }
}

fn integer(digits: &str) -> Option<Value> {
    if let Ok(number) = digits.parse::<i64>() {
        return Some(Value::from(number));
    }
    if let Ok(number) = digits.parse::<i128>() {
        return Some(Value::from(number));
    }
    let short_enough = digits.trim_start_matches('-').len() <= MAX_DIGITS;
    short_enough.then(|| Value::from_object(BigInteger(digits.to_owned())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{dumps, str_of};
    use super::*;

    /// The text read and printed again as Python prints it.
    fn printed(text: &str) -> String {
        str_of(&loads(text).unwrap().value)
    }

    #[test]
    fn values_are_read_as_python_reads_them() {
        for (json, python) in [
            (r#" {"b": 1, "a": 2, "b": [null, true, false]} "#, "{'b': [None, True, False], 'a': 2}"),
            ("[1, 1.0, -0.0, 1e5, 1E-7, NaN, -Infinity]", "[1, 1.0, -0.0, 100000.0, 1e-07, nan, -inf]"),
            ("100000000000000000000000000000000000000000000", "100000000000000000000000000000000000000000000"),
            ("-9223372036854775809", "-9223372036854775809"),
            (
                r#"["\u00e9\n\ud83d\ude00", "\ud800", "\ude00\ud83d", "it's"]"#,
                r#"['é\n😀', '\ud800', '\ude00\ud83d', "it's"]"#,
            ),
        ] {
            assert_eq!(printed(json), python);
        }
        assert!(loads(r#""\ud800""#).unwrap().halves && !loads(r#""\ud83d\ude00""#).unwrap().halves);
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, problem) in [
            ("", "expected a value at byte 0"),
            ("[1,]", "expected a value at byte 3"),
            ("{1: 2}", "key in double quotes at byte 1"),
            ("{\"a\" 2}", "expected ':' at byte 5"),
            ("[1 2]", "closing bracket at byte 3"),
            ("\"a", "no closing quote"),
            ("\"a\nb\"", "must be escaped at byte 2"),
            (r#""\x""#, "no such escape"),
            (r#""\u12g4""#, "four hexadecimal digits"),
            ("01", "more after the value at byte 1"),
            ("nul", "expected a value"),
        ] {
            let error = loads(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
        assert!(loads(&"[".repeat(1_000_000)).unwrap_err().to_string().contains("too many brackets"));
        assert!(loads(&"9".repeat(4301)).unwrap_err().to_string().contains("digits"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[\\[\\]{}\",:0-9eE.+\\\\utrueflsnNaIity \n-]{0,40}") {
            drop(loads(&text));
        }

        #[test]
        fn texts_and_numbers_survive_reading_and_writing(text in any::<String>(), number in any::<i64>()) {
            let json = serde_json::json!({"text": text, "n": [number]}).to_string();
            let written = dumps(&loads(&json).unwrap().value).unwrap();
            prop_assert_eq!(
                serde_json::from_str::<serde_json::Value>(&written).unwrap(),
                serde_json::from_str::<serde_json::Value>(&json).unwrap()
            );
        }
    }
}
