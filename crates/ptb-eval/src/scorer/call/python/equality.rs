//! Python's `==`.

use std::cmp::Ordering;

use jiff::tz::Offset;
use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::value::{DateTime, Dict, Value};

/// Whether Python's `==` holds for two values that are different objects, so that "not a number" never equals itself.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::None, Value::None) => true,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => all_equal(left, right),
        (Value::Dict(left), Value::Dict(right)) => dicts_equal(left, right),
        (Value::DateTime(left), Value::DateTime(right)) => times_equal(left, right),
        _ => numbers_equal(left, right),
    }
}

fn all_equal(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
}

fn dicts_equal(left: &Dict, right: &Dict) -> bool {
    let has = |(key, value): &(Value, Value)| right.get(key).is_some_and(|other| equal(value, other));
    left.len() == right.len() && left.iter().all(has)
}

/// Times with an offset are compared as instants; a day never equals a time, nor a time with an offset one without.
fn times_equal(left: &DateTime, right: &DateTime) -> bool {
    let instant = |time: &DateTime| {
        let offset = Offset::from_seconds(time.offset.unwrap_or(0));
        offset.and_then(|offset| offset.to_timestamp(time.clock)).ok()
    };
    left.is_date == right.is_date && left.offset.is_some() == right.offset.is_some() && instant(left) == instant(right)
}

fn numbers_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right) == Some(Ordering::Equal),
        (Value::Float(float), other) | (other, Value::Float(float)) => {
            integer(other).is_some_and(|other| exact_integer(*float) == Some(other))
        }
        _ => integer(left).is_some_and(|left| integer(right) == Some(left)),
    }
}

fn integer(value: &Value) -> Option<BigInt> {
    match value {
        Value::Integer(value) => Some(value.clone()),
        Value::Bool(value) => Some(u8::from(*value).into()),
        _ => None,
    }
}

/// The double as an integer, where it is one.
fn exact_integer(float: f64) -> Option<BigInt> {
    (float.fract() == 0.0).then(|| BigInt::from_f64(float)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::parse_call;
    use super::*;

    fn value(literal: &str) -> Value {
        let (_, arguments) = parse_call(&format!("f(x={literal})")).unwrap();
        arguments.iter().next().unwrap().1.clone()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (left, right, expected) in [
            ("1", "1.0", true),
            ("1", "True", true),
            ("False", "-0.0", true),
            ("9007199254740993", "9007199254740992.0", false),
            ("10000000000000000000000000000000", "1e31", false),
            ("10000000000000000000000", "1e22", true),
            ("1e999", "1e999", true),
            ("1", "'1'", false),
            ("None", "False", false),
            ("0.1", "0.10", true),
        ] {
            assert_eq!(equal(&value(left), &value(right)), expected, "{left} {right}");
        }
        assert!(!equal(&Value::Float(f64::NAN), &Value::Float(f64::NAN)));
    }

    #[test]
    fn containers_are_compared_inside() {
        for (left, right, expected) in [
            ("[1, [2.0, True]]", "[1.0, [2, 1]]", true),
            ("[1]", "(1,)", false),
            ("[1, 2]", "[2, 1]", false),
            ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", true),
            ("{'a': 1}", "{'a': 1, 'b': None}", false),
            ("{1: 'a'}", "{True: 'a'}", true),
        ] {
            assert_eq!(equal(&value(left), &value(right)), expected, "{left} {right}");
        }
    }
}
