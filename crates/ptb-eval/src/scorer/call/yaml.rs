//! YAML 1.1 as `PyYAML`'s `safe_load` reads it.
//!
//! The reference takes arguments that do not begin with a brace for the YAML of the first argument, so `yes` is a boolean,
//! `010` is 8, `1e3` is a text, and a text that is no YAML stands for itself. Three steps: [`scanner`] makes tokens,
//! [`parser`] makes a tree, [`construct`] makes values.

mod characters;
mod construct;
mod cursor;
mod parser;
mod resolve;
mod scalars;
mod scanner;
mod simple_keys;
mod tags;
mod timestamp;
mod token;

use thiserror::Error;

use super::python::Value;

/// Why a text has no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum YamlError {
    /// The text is no YAML, or one that `PyYAML` refuses; the reference takes it as it stands.
    #[error("not YAML: {0}")]
    Refused(&'static str),
    /// `PyYAML` raises something that the reference does not catch.
    #[error("{0}")]
    Raised(String),
    /// A part of YAML that is not read here.
    #[error("{0} is not supported in YAML arguments")]
    Unsupported(&'static str),
}

/// Collections in one another that `PyYAML` still reads; its interpreter's stack ends there.
const MAX_DEPTH: usize = 430;

fn too_deep() -> YamlError {
    YamlError::Raised("RecursionError: maximum recursion depth exceeded".to_owned())
}

/// The value of a YAML text.
pub(crate) fn load(text: &str) -> Result<Value, YamlError> {
    if !text.chars().all(characters::is_allowed) {
        return Err(YamlError::Refused("a character that YAML does not allow"));
    }
    let tokens = scanner::scan(text)?;
    match parser::parse(tokens)? {
        Some(node) => construct::construct(&node),
        None => Ok(Value::None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::python::repr;
    use super::*;

    fn loaded(text: &str) -> String {
        match load(text) {
            Ok(value) => repr(&value).unwrap(),
            Err(YamlError::Refused(_)) => "refused".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Values of `yaml.safe_load` of `PyYAML` 6.0.
    #[test]
    fn texts_mean_what_they_mean_to_python() {
        for (text, expected) in [
            (
                "[1, yes, ~, 0x1F, 010, 1e3, 1.5e+3, 1:30, 'a', \"b\\n\\x41\"]",
                r"[1, True, None, 31, 8, '1e3', 1500.0, 90, 'a', 'b\nA']",
            ),
            (
                "a: 1\nb:\n- x\n- - y\n  - {c: d, e}\nf:",
                "{'a': 1, 'b': ['x', ['y', {'c': 'd', 'e': None}]], 'f': None}",
            ),
            ("? a\n: b\n? c", "{'a': 'b', 'c': None}"),
            ("[a: 1, ? b : c, d: [e,]]", "[{'a': 1}, {'b': 'c'}, {'d': ['e']}]"),
            ("|\n a\n  b\n\n c\n", r"'a\n b\n\nc\n'"),
            (">-\n a\n b\n\n  c\n d\n", r"'a b\n\n c\nd'"),
            ("|2+\n   a\n\n", r"' a\n\n'"),
            ("a b\n  c\n\n  d # e", r"'a b c\nd'"),
            ("'a''b\n\n  c'", r#""a'b\nc""#),
            ("[&x {a: 1}, *x]", "[{'a': 1}, {'a': 1}]"),
            ("--- # c\n!!str 12\n...", "'12'"),
            ("%YAML 1.1\n---\n! 12", "12"),
            ("!!pairs [a: 1, a: 2]", "[('a', 1), ('a', 2)]"),
            ("{=: 1, 2024-01-01: 2}", "{'=': 1, datetime.date(2024, 1, 1): 2}"),
            (
                "2001-12-14 21:59:43.5 +1:30",
                "datetime.datetime(2001, 12, 14, 21, 59, 43, 500000, tzinfo=datetime.timezone(datetime.timedelta(seconds=5400)))",
            ),
            ("", "None"),
            ("# nothing", "None"),
        ] {
            assert_eq!(loaded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for text in [
            "a: b: c",
            "[1, 2",
            "[1 2]]",
            "}",
            "*x",
            "&x &y 1",
            "@a",
            "`a`",
            "\ta",
            "a:\n\tb",
            "- a\nb",
            "a: 1\n  b: 2",
            "\"a",
            "'a",
            "\"\\q\"",
            "|x",
            "|0\n a",
            "!x 1",
            "!!python/object:os.system x",
            "!e!x 1",
            "%YAML 2.0\n---",
            "%x",
            "=",
            "<<",
            "<<: x",
            "[[1]: 2]: 3",
            "? [1]\n: 2",
            "--- 1\n--- 2",
            "...",
            "a\u{7}b",
            "&a &b",
            "[,]",
            "- a: 1\n b: 2",
        ] {
            assert_eq!(loaded(text), "refused", "{text:?}");
        }
    }

    #[test]
    fn exceptions_of_other_kinds_are_told() {
        for (text, expected) in [
            ("2024-13-45", "ValueError: a day or time out of range"),
            ("!!int x", "ValueError: invalid literal for int() with base 10: 'x'"),
            ("!!bool x", "KeyError: 'x'"),
            ("&a [*a]", "ValueError: Circular reference detected (id repeated)"),
            ("<<: {a: 1}", "a merge of mappings is not supported in YAML arguments"),
            ("!!binary aGU=", "binary data is not supported in YAML arguments"),
        ] {
            assert_eq!(loaded(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in r#"[\[\]\{\},:\-?#&*!|>'"%@`\\ \n\tab01.~=<_+é]{0,30}"#) {
            let _ = load(&text);
        }

        #[test]
        fn plain_words_are_themselves(text in "[b-d]{1,8}( [b-d]{1,8}){0,3}") {
            prop_assert_eq!(loaded(&text), format!("'{}'", text));
        }
    }
}
