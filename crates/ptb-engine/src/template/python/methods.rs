//! Methods of texts that templates call.

use minijinja::value::{Value, from_args};
use minijinja::{Error, State};
use ptb_core::python::is_space;

use super::value::{List, no_method};

/// Calls a method of a value that is not the template engine's own.
pub(crate) fn call_method(_: &mut State<'_, '_>, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let Some(text) = value.as_str() else { return Err(no_method(value, name)) };
    Ok(match name {
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(args)?;
            let strips = |char: char| chars.map_or_else(|| is_space(char), |chars| chars.contains(char));
            Value::from(match name {
                "strip" => text.trim_matches(strips),
                "lstrip" => text.trim_start_matches(strips),
                _ => text.trim_end_matches(strips),
            })
        }
        "startswith" => Value::from(text.starts_with(argument(args)?)),
        "endswith" => Value::from(text.ends_with(argument(args)?)),
        "split" => List::value(text.split(argument(args)?).map(Value::from).collect()),
        "replace" => {
            let (from, to): (&str, &str) = from_args(args)?;
            Value::from(text.replace(from, to))
        }
        _ => return Err(no_method(value, name)),
    })
}

fn argument(args: &[Value]) -> Result<&str, Error> {
    let (text,): (&str,) = from_args(args)?;
    Ok(text)
}
