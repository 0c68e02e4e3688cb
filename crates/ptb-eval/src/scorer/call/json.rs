//! JSON as Python's `json.loads` reads it: the last of equal keys counts, integers have any size, `NaN` and `Infinity` are
//! numbers, and halves of surrogate pairs are characters.

use thiserror::Error;

use super::python::{Dict, Text, Value, integer_of_digits, too_many_digits};

/// Brackets in one another that the reference still reads; its interpreter's stack ends there.
const MAX_DEPTH: usize = 962;

/// Why a text was not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum JsonError {
    /// The text is no JSON, which the reference reports and goes on. Place and wording are Python's.
    #[error("{problem}: line {line} column {column} (char {at})")]
    Syntax { problem: String, line: usize, column: usize, at: usize },
    /// An integer has more digits than Python reads; the reference raises.
    #[error("{}", too_many_digits(*.0))]
    HugeInteger(usize),
    /// Too many brackets in one another; the reference raises.
    #[error("RecursionError: maximum recursion depth exceeded while decoding a JSON {0} from a unicode string")]
    Nesting(&'static str),
}

/// The value of a JSON text.
pub(crate) fn parse_json(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, depth: 0 };
    reader.skip_blanks();
    let value = reader.value()?;
    reader.skip_blanks();
    if reader.at < text.len() {
        return Err(reader.error("Extra data", reader.at));
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// An error at a byte, which is told in characters.
    fn error(&self, problem: &str, at: usize) -> JsonError {
        let before = &self.text[..at.min(self.text.len())];
        let line = before.rsplit('\n').next().unwrap_or_default();
        JsonError::Syntax {
            problem: problem.to_owned(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            at: before.chars().count(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Value::Text)
            }
            Some(b'{') => self.nested("object", Self::object),
            Some(b'[') => self.nested("array", Self::array),
            _ => match self.word() {
                Some(value) => Ok(value),
                None => self.number(),
            },
        }
    }

    fn nested(
        &mut self,
        kind: &'static str,
        read: fn(&mut Self) -> Result<Value, JsonError>,
    ) -> Result<Value, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(JsonError::Nesting(kind));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_blanks();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        const NO_NAME: &str = "Expecting property name enclosed in double quotes";
        let mut dict = Dict::default();
        if self.takes(b'}') {
            return Ok(Value::Dict(dict));
        }
        loop {
            if !self.takes(b'"') {
                return Err(self.error(NO_NAME, self.at));
            }
            let key = self.string()?;
            self.skip_blanks();
            if !self.takes(b':') {
                return Err(self.error("Expecting ':' delimiter", self.at));
            }
            self.skip_blanks();
            let value = self.value()?;
            dict.insert(Value::Text(key), value);
            if self.ends(b'}')? {
                return Ok(Value::Dict(dict));
            }
        }
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        let mut values = Vec::new();
        if self.takes(b']') {
            return Ok(Value::List(values));
        }
        loop {
            values.push(self.value()?);
            if self.ends(b']')? {
                return Ok(Value::List(values));
            }
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    /// Whether the container ends here; otherwise a comma is passed over.
    fn ends(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_blanks();
        if self.takes(close) {
            return Ok(true);
        }
        if !self.takes(b',') {
            return Err(self.error("Expecting ',' delimiter", self.at));
        }
        self.skip_blanks();
        Ok(false)
    }

    fn word(&mut self) -> Option<Value> {
        let words = [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ];
        let (word, value) = words.into_iter().find(|(word, _)| self.text[self.at..].starts_with(word))?;
        self.at += word.len();
        Some(value)
    }

    fn digits(&self, from: usize) -> usize {
        self.bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        let first = start + usize::from(negative);
        let whole = match self.bytes.get(first) {
            Some(b'0') => 1,
            Some(b'1'..=b'9') => self.digits(first),
            _ => return Err(self.error("Expecting value", start)),
        };
        let mut end = first + whole;
        if self.bytes.get(end) == Some(&b'.') && self.digits(end + 1) > 0 {
            end += 1 + self.digits(end + 1);
        }
        if matches!(self.bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.bytes.get(end + 1), Some(b'+' | b'-')));
            let digits = self.bytes.get(end + 1 + sign..).map_or(0, |_| self.digits(end + 1 + sign));
            end += if digits > 0 { 1 + sign + digits } else { 0 };
        }
        self.at = end;
        if end == first + whole {
            let value = integer_of_digits(negative, &self.text[first..end]);
            return value.map(Value::Integer).ok_or(JsonError::HugeInteger(whole));
        }
        let value = self.text[start..end].parse().map_err(|_| self.error("Expecting value", start))?;
        Ok(Value::Float(value))
    }

    /// The text behind an opening quote.
    fn string(&mut self) -> Result<Text, JsonError> {
        let begin = self.at - 1;
        let mut text = Text::default();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|char| matches!(char, '"' | '\\' | '\0'..='\u{1f}'));
            let Some(plain) = plain else { return Err(self.error("Unterminated string starting at", begin)) };
            text.push_str(&rest[..plain]);
            self.at += plain + 1;
            match self.bytes[self.at - 1] {
                b'"' => return Ok(text),
                b'\\' => {
                    let code = self.escape(begin)?;
                    text.push(code);
                }
                _ => return Err(self.error("Invalid control character at", self.at - 1)),
            }
        }
    }

    /// The code point of an escape, whose backslash is passed already.
    fn escape(&mut self, begin: usize) -> Result<u32, JsonError> {
        let Some(byte) = self.peek() else { return Err(self.error("Unterminated string starting at", begin)) };
        self.at += 1;
        let code = match byte {
            b'"' | b'\\' | b'/' => byte.into(),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => return self.unicode_escape(),
            _ => return Err(self.error("Invalid \\escape", self.at - 2)),
        };
        Ok(code)
    }

    fn unicode_escape(&mut self) -> Result<u32, JsonError> {
        let high = self.hexadecimal().ok_or_else(|| self.error("Invalid \\uXXXX escape", self.at - 1))?;
        self.at += 4;
        if (0xd800..0xdc00).contains(&high) && self.text.get(self.at..self.at + 2) == Some("\\u") {
            self.at += 2;
            if let Some(low) = self.hexadecimal().filter(|low| (0xdc00..0xe000).contains(low)) {
                self.at += 4;
                return Ok(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
            self.at -= 2;
        }
        Ok(high)
    }

    fn hexadecimal(&self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::python::{equal, repr};
    use super::*;

    fn parsed(text: &str) -> String {
        parse_json(text).map_or_else(|error| error.to_string(), |value| repr(&value).unwrap())
    }

    #[test]
    fn values_are_those_of_python() {
        for (text, expected) in [
            (r#" {"a": 1, "b": [true, null], "a": 2.50} "#, "{'a': 2.5, 'b': [True, None]}"),
            ("[NaN, Infinity, -Infinity, 1e400, -0, -0.0]", "[nan, inf, -inf, inf, 0, -0.0]"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#""\u00e9\ud83d\ude00\ud83d\/""#, r"'é😀\ud83d/'"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_have_the_words_and_places_of_python() {
        for (text, expected) in [
            ("{'a'", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"é\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("[1,\n ]", "Expecting value: line 2 column 2 (char 5)"),
            ("[01]", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("{} x", "Extra data: line 1 column 4 (char 3)"),
            ("[\"a", "Unterminated string starting at: line 1 column 2 (char 1)"),
            ("[\"a\tb\"]", "Invalid control character at: line 1 column 4 (char 3)"),
            (r#"["\q"]"#, "Invalid \\escape: line 1 column 3 (char 2)"),
            (r#"["\u12"]"#, "Invalid \\uXXXX escape: line 1 column 4 (char 3)"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_another_writer_writes_is_read(numbers in prop::collection::vec(any::<f64>(), 0..5), text: String) {
            let json = serde_json::json!({"numbers": numbers, "text": text});
            let value = parse_json(&json.to_string()).unwrap();
            prop_assert!(equal(&value, &Value::from(&json)), "{}", json);
        }

        #[test]
        fn any_text_gives_a_value_or_an_error(text in r#"[\[\]\{\}",:\\u0-9dDeE.+\-nN aé\n]{0,30}"#) {
            let _ = parse_json(&text);
        }
    }
}
