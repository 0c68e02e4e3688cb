//! Calls with literal arguments, as a data set writes down the expected call: `f(a=1, b=['x', (2.5, None)])`.

use std::fmt;

use num_bigint::BigInt;
use thiserror::Error;

use super::Text;
use super::value::{Dict, Value, integer_of_digits};

/// Deepest nesting of brackets that is read.
const MAX_DEPTH: usize = 100;

/// A text that is no call with literal arguments.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a call with literal named arguments: {problem} at byte {at}")]
pub struct CallSyntaxError {
    problem: Problem,
    at: usize,
}

/// What a call may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Expected(&'static str),
    Nesting,
    BadNumber,
    BadText,
    Unsupported(&'static str),
    Repeated(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(what) => write!(formatter, "{what} expected"),
            Self::Nesting => write!(formatter, "more than {MAX_DEPTH} brackets in one another"),
            Self::BadNumber => formatter.write_str("not a number"),
            Self::BadText => formatter.write_str("the text does not end, or has an escape that Python refuses,"),
            Self::Unsupported(what) => write!(formatter, "{what} is not supported"),
            Self::Repeated(name) => write!(formatter, "the argument {name:?} is given twice"),
        }
    }
}

type Parsed<T> = Result<T, CallSyntaxError>;

/// The function and its arguments in order, keys as texts.
pub fn parse_call(text: &str) -> Parsed<(String, Dict)> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.skip_blanks();
    let function = parser.name()?;
    parser.sign("(", "an opening parenthesis")?;
    let mut arguments = Dict::default();
    while !parser.takes(")") {
        let name = parser.name()?;
        parser.sign("=", "an equals sign after the argument's name")?;
        let key = Value::Text(name.as_str().into());
        if arguments.get(&key).is_some() {
            return Err(parser.error(Problem::Repeated(name)));
        }
        let value = parser.value()?;
        arguments.insert(key, value);
        parser.separator(")")?;
    }
    match parser.rest() {
        "" => Ok((function, arguments)),
        _ => Err(parser.error(Problem::Expected("the end"))),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, problem: Problem) -> CallSyntaxError {
        CallSyntaxError { problem, at: self.at }
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']).len();
    }

    /// Whether the sign stands here; it is passed over together with the blanks after it.
    fn takes(&mut self, sign: &str) -> bool {
        let here = self.rest().starts_with(sign);
        if here {
            self.at += sign.len();
            self.skip_blanks();
        }
        here
    }

    fn sign(&mut self, sign: &str, what: &'static str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.error(Problem::Expected(what))) }
    }

    /// A comma, or the end of the brackets, which stays.
    fn separator(&mut self, close: &str) -> Parsed<()> {
        if self.takes(",") || self.rest().starts_with(close) {
            return Ok(());
        }
        Err(self.error(Problem::Expected("a comma or the closing bracket")))
    }

    /// The longest run of characters for names and numbers.
    fn word(&self) -> &str {
        let rest = self.rest();
        let end = rest.find(|char: char| !(char.is_alphanumeric() || char == '_')).unwrap_or(rest.len());
        &rest[..end]
    }

    fn name(&mut self) -> Parsed<String> {
        let word = self.word().to_owned();
        if word.is_empty() || word.starts_with(|char: char| char.is_numeric()) {
            return Err(self.error(Problem::Expected("a name")));
        }
        self.at += word.len();
        self.skip_blanks();
        Ok(word)
    }

    fn value(&mut self) -> Parsed<Value> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(Problem::Nesting));
        }
        self.depth += 1;
        let value = self.value_inside();
        self.depth -= 1;
        self.skip_blanks();
        value
    }

    fn value_inside(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some('[') => {
                self.takes("[");
                Ok(Value::List(self.values("]")?.0))
            }
            Some('(') => self.parentheses(),
            Some('{') => self.braces(),
            Some('+' | '-') => self.signed(),
            Some(char) if char.is_ascii_digit() || char == '.' => self.number(),
            Some('\'' | '"') => self.texts(),
            _ => self.named_value(),
        }
    }

    /// Values up to the closing bracket, and whether the last one has a comma behind it.
    fn values(&mut self, close: &str) -> Parsed<(Vec<Value>, bool)> {
        let (mut values, mut comma) = (Vec::new(), false);
        while !self.takes(close) {
            values.push(self.value()?);
            let before = self.at;
            self.separator(close)?;
            comma = self.at > before;
        }
        Ok((values, comma))
    }

    fn parentheses(&mut self) -> Parsed<Value> {
        self.takes("(");
        let (mut values, comma) = self.values(")")?;
        match values.pop() {
            Some(value) if values.is_empty() && !comma => Ok(value),
            last => {
                values.extend(last);
                Ok(Value::Tuple(values))
            }
        }
    }

    fn braces(&mut self) -> Parsed<Value> {
        self.takes("{");
        let mut dict = Dict::default();
        while !self.takes("}") {
            let key = self.value()?;
            if !key.is_hashable() {
                return Err(self.error(Problem::Unsupported("a list or dictionary as a key")));
            }
            self.sign(":", "a colon after the key (sets are not supported)")?;
            let value = self.value()?;
            dict.insert(key, value);
            self.separator("}")?;
        }
        Ok(Value::Dict(dict))
    }

    fn signed(&mut self) -> Parsed<Value> {
        let negative = self.rest().starts_with('-');
        self.at += 1;
        self.skip_blanks();
        match self.value()? {
            Value::Integer(value) => Ok(Value::Integer(if negative { -value } else { value })),
            Value::Float(value) => Ok(Value::Float(if negative { -value } else { value })),
            _ => Err(self.error(Problem::Expected("a number after the sign"))),
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let text = number_text(self.rest()).replace('_', "");
        let value = number_value(&text).ok_or_else(|| self.error(Problem::BadNumber))?;
        self.at += number_text(self.rest()).len();
        Ok(value)
    }

    fn named_value(&mut self) -> Parsed<Value> {
        let word = self.word();
        if self.text[self.at + word.len()..].starts_with(['\'', '"']) {
            return self.texts();
        }
        let value = match word {
            "None" => Value::None,
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            _ => return Err(self.error(Problem::Expected("a literal"))),
        };
        self.at += word.len();
        Ok(value)
    }

    /// One or more texts in a row, which Python joins.
    fn texts(&mut self) -> Parsed<Value> {
        let mut text = Text::default();
        loop {
            self.text_literal(&mut text)?;
            self.skip_blanks();
            let after_word = self.at + self.word().len();
            if !self.text[after_word..].starts_with(['\'', '"']) {
                return Ok(Value::Text(text));
            }
        }
    }

    fn text_literal(&mut self, text: &mut Text) -> Parsed<()> {
        let prefix = self.word().to_ascii_lowercase();
        let raw = match prefix.as_str() {
            "" | "u" => false,
            "r" => true,
            _ => return Err(self.error(Problem::Unsupported("a text with this prefix"))),
        };
        self.at += prefix.len();
        let quote = &self.rest()[..1];
        let triple = self.rest().starts_with(&quote.repeat(3));
        let end = if triple { quote.repeat(3) } else { quote.to_owned() };
        self.at += end.len();
        while !self.rest().starts_with(&end) {
            match self.peek() {
                None => return Err(self.error(Problem::BadText)),
                Some('\n') if !triple => return Err(self.error(Problem::BadText)),
                Some('\\') => self.escape(raw, text)?,
                Some(char) => {
                    text.push(char.into());
                    self.at += char.len_utf8();
                }
            }
        }
        self.at += end.len();
        Ok(())
    }

    fn escape(&mut self, raw: bool, text: &mut Text) -> Parsed<()> {
        self.at += 1;
        let Some(char) = self.peek() else { return Err(self.error(Problem::BadText)) };
        let octal = self.rest().chars().take(3).take_while(|char| char.is_digit(8)).count();
        let (code, length) = match char {
            _ if raw => {
                text.push('\\'.into());
                (Some(u32::from(char)), char.len_utf8())
            }
            '\n' => (None, 1),
            'x' => (Some(self.hexadecimal(2)?), 3),
            'u' => (Some(self.hexadecimal(4)?), 5),
            'U' => (Some(self.hexadecimal(8)?), 9),
            'N' => return Err(self.error(Problem::Unsupported("a character by its name"))),
            _ if octal > 0 => (u32::from_str_radix(&self.rest()[..octal], 8).ok(), octal),
            _ => match simple_escape(char) {
                Some(meant) => (Some(meant), 1),
                // Python leaves what it does not know as it stands.
                None => (Some('\\'.into()), 0),
            },
        };
        if let Some(code) = code {
            text.push(code);
        }
        self.at += length;
        Ok(())
    }

    /// The code point behind `\x`, `\u` or `\U`.
    fn hexadecimal(&self, digits: usize) -> Parsed<u32> {
        let text = self.rest().get(1..=digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = text.and_then(|text| u32::from_str_radix(text, 16).ok()).filter(|code| *code <= 0x10_ffff);
        code.ok_or_else(|| self.error(Problem::BadText))
    }
}

fn simple_escape(char: char) -> Option<u32> {
    Some(match char {
        '\\' | '\'' | '"' => char.into(),
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        _ => return None,
    })
}

/// The characters of a number: letters and digits, points, and a sign after an exponent.
fn number_text(text: &str) -> &str {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut previous = ' ';
    let part = |char: char| {
        let sign = matches!(char, '+' | '-') && matches!(previous, 'e' | 'E') && !hexadecimal;
        previous = char;
        char.is_ascii_alphanumeric() || char == '.' || char == '_' || sign
    };
    &text[..text.len() - text.trim_start_matches(part).len()]
}

/// The number of a text without underscores.
fn number_value(text: &str) -> Option<Value> {
    let radix = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => return decimal_value(text),
    };
    let digits = text.get(2..).filter(|digits| digits.chars().all(|char| char.is_digit(radix)))?;
    BigInt::parse_bytes(digits.as_bytes(), radix).map(Value::Integer)
}

fn decimal_value(text: &str) -> Option<Value> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let leading_zero = text.starts_with('0') && text.bytes().any(|byte| byte != b'0');
        return if leading_zero { None } else { integer_of_digits(false, text).map(Value::Integer) };
    }
    let shaped = text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    shaped.then(|| text.parse().ok()).flatten().map(Value::Float)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{equal, repr};
    use super::*;

    fn argument(literal: &str) -> Value {
        let (_, arguments) =
            parse_call(&format!("f(x={literal})")).unwrap_or_else(|error| panic!("{literal}: {error}"));
        arguments.iter().next().unwrap().1.clone()
    }

    #[test]
    fn a_call_has_a_name_and_arguments_in_order() {
        let (function, arguments) = parse_call(" order_food( item=['a','b'],\n quantity = [10, 7] , )\n").unwrap();
        assert_eq!(function, "order_food");
        assert_eq!(repr(&Value::Dict(arguments)).unwrap(), "{'item': ['a', 'b'], 'quantity': [10, 7]}");
        assert!(parse_call("f()").unwrap().1.is_empty());
    }

    #[test]
    fn literals_mean_what_python_means() {
        for (literal, expected) in [
            ("-10", "-10"),
            ("+ 1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0b101", "5"),
            ("000", "0"),
            ("90.00", "90.0"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("1e3", "1000.0"),
            ("-1.5E-7", "-1.5e-07"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("(1)", "1"),
            ("(1,)", "(1,)"),
            ("()", "()"),
            ("(45.76, 4.85)", "(45.76, 4.85)"),
            ("{'a': [True, False, None], 2: {}}", "{'a': [True, False, None], 2: {}}"),
            (r#"'a' "b"  r'\n' u'c'"#, r"'ab\\nc'"),
            (
                r#""""x"y\x41\u00e9\U0001F600\101\q
z""""#,
                r#"'x"yAé😀A\\q\nz'"#,
            ),
            ("'\\\n'", "''"),
        ] {
            assert_eq!(repr(&argument(literal)).unwrap(), expected, "{literal}");
        }
    }

    #[test]
    fn what_is_no_literal_call_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "a name expected at byte 0"),
            ("f", "an opening parenthesis expected at byte 1"),
            ("f(1)", "a name expected at byte 2"),
            ("f(x)", "an equals sign after the argument's name expected at byte 3"),
            ("f(x=1, x=2)", "the argument \"x\" is given twice at byte 9"),
            ("f(x=g())", "a literal expected at byte 4"),
            ("f(x=1+2)", "a comma or the closing bracket expected at byte 5"),
            ("f(x=012)", "not a number at byte 4"),
            ("f(x=2j)", "not a number at byte 4"),
            ("f(x=b'a')", "a text with this prefix is not supported at byte 4"),
            ("f(x='a)", "the text does not end"),
            ("f(x={1, 2})", "a colon after the key"),
            ("f(x={[]: 2})", "a list or dictionary as a key is not supported"),
            ("f(x=1); g()", "the end expected at byte 6"),
            ("f(x=1", "a comma or the closing bracket expected at byte 5"),
        ] {
            let message = parse_call(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn brackets_have_a_limit() {
        let nested = |depth: usize| format!("f(x={}{})", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_call(&nested(MAX_DEPTH)).is_ok());
        assert!(parse_call(&nested(100_000)).unwrap_err().to_string().contains("more than 100 brackets"));
        assert!(parse_call(&format!("f(x={}1)", "-".repeat(100_000))).is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i128>().prop_map(|value| Value::Integer(value.into())),
            any::<f64>().prop_filter("literals are finite", |value| value.is_finite()).prop_map(Value::Float),
            any::<String>().prop_map(|text| Value::Text(text.as_str().into())),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Tuple),
                prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|pairs| {
                    let mut dict = Dict::default();
                    for (key, value) in pairs {
                        dict.insert(Value::Text(key.as_str().into()), value);
                    }
                    Value::Dict(dict)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(value in any_value()) {
            let printed = repr(&value).unwrap();
            let read = argument(&printed);
            prop_assert!(equal(&read, &value), "{printed}");
            prop_assert_eq!(repr(&read).unwrap(), printed);
        }

        #[test]
        fn any_text_gives_a_call_or_an_error(text in r#"f\((x=)?[\[\]\(\)\{\}'"\\,:=0-9a-fx\.\-é\n ]{0,40}\)?"#) {
            let _ = parse_call(&text);
        }
    }
}
