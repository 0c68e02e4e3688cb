//! JSON as Python's `json.dumps` writes it, which is what models have seen in training.

use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};

use super::raised::Raised;
use super::repr::number;
use super::surrogate;
use super::value::{BigInteger, Dict, is_defined};

/// `json.dumps(value, ensure_ascii=False)`.
pub(crate) fn dumps(value: &Value) -> Result<String, Raised> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), Raised> {
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&json_number(value)),
        ValueKind::String => write_string(value.as_str().unwrap_or_default(), out),
        ValueKind::Plain if value.downcast_object_ref::<BigInteger>().is_some() => out.push_str(&value.to_string()),
        ValueKind::Map => return write_dict(value, out),
        ValueKind::Seq | ValueKind::Iterable if is_defined(value) => return write_list(value, out),
        _ => return Err(Raised::new("TypeError", "Object of type Undefined is not JSON serializable")),
    }
    Ok(())
}

fn json_number(value: &Value) -> String {
    match number(value).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        number => number.to_owned(),
    }
}

fn write_list(list: &Value, out: &mut String) -> Result<(), Raised> {
    out.push('[');
    for (index, item) in list.try_iter().into_iter().flatten().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write(&item, out)?;
    }
    out.push(']');
    Ok(())
}

fn write_dict(dict: &Value, out: &mut String) -> Result<(), Raised> {
    out.push('{');
    for (index, (key, value)) in dict.downcast_object_ref::<Dict>().into_iter().flat_map(Dict::entries).enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_string(key, out);
        out.push_str(": ");
        write(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        write_char(char, out);
    }
    out.push('"');
}

fn write_char(char: char, out: &mut String) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        // Writing to a string cannot fail.
        '\0'..='\x1f' => drop(write!(out, "\\u{:04x}", u32::from(char))),
        _ => out.push(char),
    }
}

/// A text in quotes, in ASCII. With `halves`, stand-ins become the halves of surrogate pairs that they stand for.
pub(crate) fn ascii_string(text: &str, halves: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match surrogate::code(char).filter(|_| halves) {
            Some(code) => surrogate::write_escape(code, &mut out),
            None if char.is_ascii() => write_char(char, &mut out),
            None => char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }),
        }
    }
    out.push('"');
    out
}
