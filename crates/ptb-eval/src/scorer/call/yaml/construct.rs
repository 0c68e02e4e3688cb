//! From a tree to values.

use std::rc::Rc;

use num_bigint::BigInt;

use super::YamlError;
use super::parser::{Content, Node, NodeTag};
use super::resolve::{Kind, kind_of, truth};
use super::timestamp::timestamp;
use crate::scorer::call::python::{Dict, Text, Value, integer_of_digits, too_many_digits};

/// Most values that aliases may make of a text.
const MAX_VALUES: usize = 1 << 20;

type Constructed = Result<Value, YamlError>;

/// The value of a tree.
pub(super) fn construct(node: &Node) -> Constructed {
    Constructor { values: 0 }.value(node)
}

struct Constructor {
    values: usize,
}

impl Constructor {
    fn value(&mut self, node: &Node) -> Constructed {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(YamlError::Unsupported("a text whose aliases make more than a million values"));
        }
        let tag = match &node.tag {
            None => None,
            Some(NodeTag::Standard(name)) => Some(name.as_str()),
            Some(NodeTag::Foreign) => return Err(FOREIGN),
        };
        match (&node.content, tag) {
            (Content::Scalar { text, plain: true }, None) => plain(text),
            (Content::Scalar { text, plain: false }, None | Some("str")) => Ok(Value::Text(text.clone())),
            (Content::Scalar { text, .. }, Some(tag)) => tagged(text, tag),
            (Content::Sequence(nodes), None | Some("seq")) => {
                nodes.iter().map(|node| self.value(node)).collect::<Result<_, _>>().map(Value::List)
            }
            (Content::Sequence(nodes), Some("omap" | "pairs")) => self.pairs(nodes),
            (Content::Mapping(pairs), None | Some("map")) => self.mapping(pairs),
            (Content::Mapping(_), Some("set")) => Err(YamlError::Unsupported("a set")),
            (Content::Mapping(_), Some("str" | "int" | "float" | "bool" | "null" | "timestamp" | "binary")) => {
                Err(YamlError::Unsupported("a mapping with the tag of a scalar"))
            }
            _ => Err(YamlError::Refused("a tag that does not fit its node")),
        }
    }

    /// A list of tuples, from mappings with one key each.
    fn pairs(&mut self, nodes: &[Rc<Node>]) -> Constructed {
        let mut values = Vec::new();
        for node in nodes {
            let Content::Mapping(pairs) = &node.content else { return Err(NO_PAIR) };
            let [(key, value)] = pairs.as_slice() else { return Err(NO_PAIR) };
            values.push(Value::Tuple(vec![self.value(key)?, self.value(value)?]));
        }
        Ok(Value::List(values))
    }

    fn mapping(&mut self, pairs: &[(Rc<Node>, Rc<Node>)]) -> Constructed {
        let mut dict = Dict::default();
        for (key, value) in pairs {
            if special(key) == Some(Kind::Merge) {
                return Err(refuse_merge(value));
            }
            let key = self.key(key)?;
            dict.insert(key, self.value(value)?);
        }
        Ok(Value::Dict(dict))
    }

    /// As a key, an equals sign is itself.
    fn key(&mut self, node: &Node) -> Constructed {
        match &node.content {
            Content::Scalar { text, .. } if special(node) == Some(Kind::Value) => Ok(Value::Text(text.clone())),
            Content::Scalar { .. } => self.value(node),
            _ => Err(YamlError::Refused("a collection as a key")),
        }
    }
}

/// Releases of `PyYAML` merge mappings in different orders, and none merges anything else.
fn refuse_merge(value: &Node) -> YamlError {
    let is_mapping = |node: &Node| matches!(node.content, Content::Mapping(_));
    let merges = match &value.content {
        Content::Sequence(nodes) => nodes.iter().all(|node| is_mapping(node)),
        _ => is_mapping(value),
    };
    if merges { YamlError::Unsupported("a merge of mappings") } else { YamlError::Refused("a merge of something else") }
}

const FOREIGN: YamlError = YamlError::Refused("a tag that is not of YAML itself");
const NO_PAIR: YamlError = YamlError::Refused("a list of pairs with something else in it");

/// The kind of a plain scalar, where it is a merge or an equals sign.
fn special(node: &Node) -> Option<Kind> {
    let Content::Scalar { text, plain } = &node.content else { return None };
    match &node.tag {
        None if *plain => Some(kind_of(&text.to_plain()?)),
        Some(NodeTag::Standard(tag)) if tag == "merge" => Some(Kind::Merge),
        Some(NodeTag::Standard(tag)) if tag == "value" => Some(Kind::Value),
        _ => None,
    }
}

fn plain(text: &Text) -> Constructed {
    let Some(word) = text.to_plain() else { return Ok(Value::Text(text.clone())) };
    match kind_of(&word) {
        Kind::Bool => bool_value(&word),
        Kind::Float => float(&word),
        Kind::Integer => integer(&word),
        Kind::Null => Ok(Value::None),
        Kind::Timestamp => timestamp(&word),
        Kind::Text => Ok(Value::Text(text.clone())),
        Kind::Merge | Kind::Value => Err(FOREIGN),
    }
}

/// A scalar that says what it is, which need not be true.
fn tagged(text: &Text, tag: &str) -> Constructed {
    if !matches!(tag, "int" | "float" | "bool" | "null" | "timestamp" | "binary" | "str") {
        return Err(YamlError::Refused("a tag that does not fit its node"));
    }
    if tag == "str" {
        return Ok(Value::Text(text.clone()));
    }
    let word = text.to_plain().unwrap_or_default();
    match tag {
        "null" => Ok(Value::None),
        "bool" => bool_value(&word),
        "timestamp" => timestamp(&word),
        "int" | "float" if !word.is_ascii() => {
            Err(YamlError::Unsupported("a tag of a number before letters that are not ASCII"))
        }
        "int" => integer(&word),
        "float" => float(&word),
        _ => Err(YamlError::Unsupported("binary data")),
    }
}

fn bool_value(word: &str) -> Constructed {
    let value = truth(&word.to_ascii_lowercase());
    value.map(Value::Bool).ok_or_else(|| YamlError::Raised(format!("KeyError: '{word}'")))
}

fn integer(word: &str) -> Constructed {
    let digits = word.replace('_', "");
    let negative = digits.starts_with('-');
    let digits = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    let value = match digits {
        "" => return Err(no_first_sign()),
        digits if digits.starts_with("0b") => radix(&digits[2..], 2)?,
        digits if digits.starts_with("0x") => radix(&digits[2..], 16)?,
        digits if digits.starts_with('0') => radix(digits, 8)?,
        digits if digits.contains(':') => sixties(digits)?,
        digits => decimal(digits)?,
    };
    Ok(Value::Integer(if negative { -value } else { value }))
}

fn no_first_sign() -> YamlError {
    YamlError::Raised("IndexError: string index out of range".to_owned())
}

fn bad_integer(digits: &str, radix: u32) -> YamlError {
    YamlError::Raised(format!("ValueError: invalid literal for int() with base {radix}: '{digits}'"))
}

fn radix(digits: &str, radix: u32) -> Result<BigInt, YamlError> {
    let all_fit = digits.chars().all(|char| char.is_digit(radix));
    let value = if all_fit { BigInt::parse_bytes(digits.as_bytes(), radix) } else { None };
    value.ok_or_else(|| bad_integer(digits, radix))
}

fn decimal(digits: &str) -> Result<BigInt, YamlError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.is_empty() {
        return Err(bad_integer(digits, 10));
    }
    integer_of_digits(false, digits).ok_or_else(|| YamlError::Raised(too_many_digits(digits.len())))
}

/// Such as `1:30`, in the base of 60.
fn sixties(digits: &str) -> Result<BigInt, YamlError> {
    digits.split(':').try_fold(BigInt::ZERO, |value, part| Ok(value * 60 + decimal(part)?))
}

fn float(word: &str) -> Constructed {
    let number = word.replace('_', "").to_ascii_lowercase();
    let sign = if number.starts_with('-') { -1.0 } else { 1.0 };
    let number = number.strip_prefix(['-', '+']).unwrap_or(&number);
    let value = match number {
        "" => return Err(no_first_sign()),
        ".inf" => f64::INFINITY,
        ".nan" => return Ok(Value::Float(f64::NAN)),
        number => {
            let mut base = 1.0;
            let mut value = 0.0;
            for part in number.rsplit(':') {
                value += python_float(part)? * base;
                base *= 60.0;
            }
            value
        }
    };
    Ok(Value::Float(sign * value))
}

/// A part of a float; what only an explicit tag lets through is as in Python, without words for infinity.
fn python_float(part: &str) -> Result<f64, YamlError> {
    let shaped = part.bytes().all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte));
    let value = if shaped { part.parse().ok() } else { None };
    value.ok_or_else(|| YamlError::Raised(format!("ValueError: could not convert string to float: '{part}'")))
}
