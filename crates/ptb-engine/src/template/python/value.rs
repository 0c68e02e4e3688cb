//! Lists, dictionaries and what is missing in them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use minijinja::{Error, State};

use super::raised::{raise, type_of};
use super::repr::write_repr;

/// A list.
#[derive(Debug)]
pub(crate) struct List(pub(super) Vec<Value>);

impl List {
    /// The list as a value.
    pub(crate) fn value(items: Vec<Value>) -> Value {
        Value::from_object(Self(items))
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let item = key.as_usize().and_then(|index| self.0.get(index)).cloned();
        Some(item.unwrap_or_else(|| Missing::of("list object", key)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&shown(&Value::from_dyn_object(self.clone())))
    }
}

/// A dictionary whose keys are texts, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Dict {
    places: HashMap<Arc<str>, usize>,
    entries: Vec<(Arc<str>, Value)>,
}

impl Dict {
    /// Puts a value in; an equal key keeps its place and loses its value.
    pub(crate) fn insert(&mut self, key: &str, value: Value) {
        let key: Arc<str> = key.into();
        match self.places.entry(key.clone()) {
            Entry::Occupied(place) => self.entries[*place.get()].1 = value,
            Entry::Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push((key, value));
            }
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.places.get(key).map(|place| &self.entries[*place].1)
    }

    /// All entries in their order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let value = key.as_str().and_then(|key| self.get(key)).cloned();
        Some(value.unwrap_or_else(|| Missing::of("dict object", key)))
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(self.get(key).cloned().unwrap_or_else(|| Missing::of("dict object", &key.into())))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|(key, _)| Value::from(key.clone())).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.entries.len())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&shown(&Value::from_dyn_object(self.clone())))
    }
}

fn shown(value: &Value) -> String {
    let mut out = String::new();
    write_repr(value, &mut out);
    out
}

/// An integer that no machine type holds: its digits.
#[derive(Debug)]
pub(super) struct BigInteger(pub(super) String);

impl Object for BigInteger {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a list or a dictionary does not have: prints nothing, is false, has no items, and raises when more is asked.
#[derive(Debug)]
pub(super) struct Missing(String);

impl Missing {
    /// `key` was asked of an object that does not have it.
    fn of(object: &str, key: &Value) -> Value {
        Value::from_object(Self(match key.as_str() {
            Some(name) => format!("'{object}' has no attribute '{name}'"),
            None => format!("{object} has no element {key}"),
        }))
    }

    fn raise(&self) -> Error {
        raise("UndefinedError", self.0.clone())
    }
}

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(self.raise()))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Err(self.raise())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, _: &str, _: &[Value]) -> Result<Value, Error> {
        Err(self.raise())
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Whether there is a value.
pub(crate) fn is_defined(value: &Value) -> bool {
    !value.is_undefined() && value.downcast_object_ref::<Missing>().is_none()
}

/// The error of calling a method that the value's type does not have.
pub(super) fn no_method(value: &Value, name: &str) -> Error {
    let object = match type_of(value) {
        "NoneType" => "None".to_owned(),
        name => format!("{name} object"),
    };
    raise("UndefinedError", format!("'{object}' has no attribute '{name}'"))
}

/// A value of JSON that has been read by serde.
pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => List::value(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => object(entries),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
    }
}

/// A dictionary of JSON that has been read by serde.
pub(crate) fn object(entries: &serde_json::Map<String, serde_json::Value>) -> Value {
    let mut dict = Dict::default();
    for (key, value) in entries {
        dict.insert(key, from_json(value));
    }
    Value::from_object(dict)
}
