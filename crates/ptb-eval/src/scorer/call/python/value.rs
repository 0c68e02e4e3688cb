//! The values that arguments can have.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use serde_json::Value as Json;

use super::{Text, equal};

/// Python refuses to read or print integers with more decimal digits.
pub(crate) const MAX_INTEGER_DIGITS: usize = 4300;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `None`
    None,
    /// `True` or `False`, which are also 1 and 0.
    Bool(bool),
    /// An integer of any size.
    Integer(BigInt),
    /// A double.
    Float(f64),
    /// `str`
    Text(Text),
    /// `list`
    List(Vec<Value>),
    /// `tuple`
    Tuple(Vec<Value>),
    /// `dict`
    Dict(Dict),
    /// `datetime.date` or `datetime.datetime`
    DateTime(DateTime),
}

/// A day, or a time of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The day, or the day and the time on the clock.
    pub clock: jiff::civil::DateTime,
    /// Whether it is a day only.
    pub is_date: bool,
    /// Seconds east of Greenwich, where the time says so.
    pub offset: Option<i32>,
}

/// A dictionary in the order of its first insertions.
#[derive(Debug, Clone, Default)]
pub struct Dict {
    entries: Vec<(Value, Value)>,
    places: HashMap<Key, usize>,
}

impl Dict {
    /// Sets a key; one that was there keeps its place and its first spelling.
    pub fn insert(&mut self, key: Value, value: Value) {
        if let Some(place) = self.places.get(&Key(key.clone())) {
            self.entries[*place].1 = value;
        } else {
            self.places.insert(Key(key.clone()), self.entries.len());
            self.entries.push((key, value));
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        self.places.get(&Key(key.clone())).map(|place| &self.entries[*place].1)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Value, Value)> {
        self.entries.iter()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A value as the key of a dictionary: equal values are one key.
#[derive(Debug, Clone)]
struct Key(Value);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => self.0.magnitude().to_bits().hash(state),
            Value::Text(text) => text.hash(state),
            Value::List(values) | Value::Tuple(values) => {
                for value in values {
                    Key(value.clone()).hash(state);
                }
            }
            Value::None | Value::Dict(_) | Value::DateTime(_) => {}
        }
    }
}

impl Value {
    /// Whether Python takes the value as the key of a dictionary.
    pub(crate) fn is_hashable(&self) -> bool {
        match self {
            Self::List(_) | Self::Dict(_) => false,
            Self::Tuple(values) => values.iter().all(Self::is_hashable),
            _ => true,
        }
    }

    /// A number as a double, equal for equal numbers; 0 for what is no number. Both zeros are 0.
    fn magnitude(&self) -> f64 {
        let value = match self {
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Integer(value) => value.to_f64().unwrap_or(f64::INFINITY),
            Self::Float(value) => *value,
            _ => 0.0,
        };
        value + 0.0
    }

    /// The value as JSON; tuples become lists, keys texts. None where JSON has no such value, or `serde_json` cannot hold it.
    pub fn to_json(&self) -> Option<Json> {
        match self {
            Self::None => Some(Json::Null),
            Self::Bool(value) => Some(Json::Bool(*value)),
            Self::Integer(value) => value.to_i64().map(Json::from).or_else(|| value.to_u64().map(Json::from)),
            Self::Float(value) => value.is_finite().then(|| Json::from(*value)),
            Self::Text(text) => text.to_plain().map(Json::String),
            Self::List(values) | Self::Tuple(values) => {
                values.iter().map(Self::to_json).collect::<Option<_>>().map(Json::Array)
            }
            Self::Dict(dict) => {
                let pair = |(key, value): &(Self, Self)| Some((key.json_key()?, value.to_json()?));
                dict.iter().map(pair).collect::<Option<_>>().map(Json::Object)
            }
            Self::DateTime(_) => None,
        }
    }

    /// A dictionary's key as `json.dumps` writes it.
    fn json_key(&self) -> Option<String> {
        match self {
            Self::Text(text) => text.to_plain(),
            Self::None | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => {
                self.to_json().map(|json| json.to_string())
            }
            _ => None,
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Self::Integer(value.into()),
                (None, Some(value)) => Self::Integer(value.into()),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text.as_str().into()),
            Json::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            Json::Object(map) => Self::Dict(map.into()),
        }
    }
}

impl From<&serde_json::Map<String, Json>> for Dict {
    fn from(map: &serde_json::Map<String, Json>) -> Self {
        let mut dict = Self::default();
        for (key, value) in map {
            dict.insert(Value::Text(key.as_str().into()), value.into());
        }
        dict
    }
}

/// What Python says of an integer with so many decimal digits.
pub(crate) fn too_many_digits(count: usize) -> String {
    format!(
        "ValueError: Exceeds the limit (4300) for integer string conversion: value has {count} digits; use \
         sys.set_int_max_str_digits() to increase the limit"
    )
}

/// The integer with these decimal digits; none where there are more than Python reads.
pub fn integer_of_digits(negative: bool, digits: &str) -> Option<BigInt> {
    if digits.len() > MAX_INTEGER_DIGITS {
        return None;
    }
    let value: BigInt = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_one_key() {
        let mut dict = Dict::default();
        for key in [Value::Integer(1.into()), Value::Bool(true), Value::Float(1.0), Value::Text("1".into())] {
            dict.insert(key, Value::None);
        }
        assert_eq!(dict.len(), 2);
        assert!(matches!(dict.iter().next(), Some((Value::Integer(_), _))));
    }

    #[test]
    fn json_goes_in_and_out() {
        let json = serde_json::json!({"a": [1, 1.0, -2, 18_446_744_073_709_551_615_u64, "é", null, true, {}]});
        assert_eq!(Value::from(&json).to_json(), Some(json));
    }
}
