//! Python's `str` and `repr`.

use minijinja::value::{Value, ValueKind};
use ptb_core::python::{float, quote, write_escaped};

use super::surrogate;
use super::value::Dict;

/// The value as `str` gives it: texts as they are, nothing for what is not there.
pub(crate) fn str_of(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    let mut out = String::new();
    write_repr(value, &mut out);
    out
}

/// Appends the value as `repr` gives it.
pub(super) fn write_repr(value: &Value, out: &mut String) {
    match value.kind() {
        ValueKind::Undefined => {}
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => write_text(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq => write_list(value, out),
        ValueKind::Map => write_dict(value, out),
        // Integers of any size, and what is missing.
        _ => out.push_str(&value.to_string()),
    }
}

/// A number as Python prints it.
pub(super) fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    float(f64::try_from(value.clone()).unwrap_or(f64::NAN))
}

fn write_text(text: &str, out: &mut String) {
    let quote = quote(text);
    out.push(quote);
    for char in text.chars() {
        match surrogate::code(char) {
            Some(code) => surrogate::write_escape(code, out),
            None => write_escaped(char, quote, out),
        }
    }
    out.push(quote);
}

fn write_list(list: &Value, out: &mut String) {
    out.push('[');
    for (index, item) in list.try_iter().into_iter().flatten().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_repr(&item, out);
    }
    out.push(']');
}

fn write_dict(dict: &Value, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in dict.downcast_object_ref::<Dict>().into_iter().flat_map(Dict::entries).enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_text(key, out);
        out.push_str(": ");
        write_repr(value, out);
    }
    out.push('}');
}
