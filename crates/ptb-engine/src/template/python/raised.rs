//! What Python would raise.

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};
use thiserror::Error as ThisError;

/// An exception: its class and its message.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{class}: {message}")]
pub(crate) struct Raised {
    /// Name of the class, such as `TypeError`.
    pub(crate) class: &'static str,
    /// What it says.
    pub(crate) message: String,
}

impl Raised {
    pub(crate) fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl From<Raised> for Error {
    fn from(raised: Raised) -> Self {
        Error::new(ErrorKind::InvalidOperation, raised.to_string()).with_source(raised)
    }
}

/// An exception as an error of the template engine.
pub(crate) fn raise(class: &'static str, message: impl Into<String>) -> Error {
    Raised::new(class, message).into()
}

impl From<&Error> for Raised {
    /// The exception behind an error; for the template engine's own errors, what Python says in its place.
    fn from(error: &Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = cause {
            if let Some(raised) = inner.downcast_ref::<Raised>() {
                return raised.clone();
            }
            cause = inner.source();
        }
        let detail = error.detail().unwrap_or_default();
        if error.kind() == ErrorKind::UndefinedError {
            return Self::new("UndefinedError", if detail.is_empty() { "a variable is undefined" } else { detail });
        }
        sum(detail).or_else(|| iteration(detail)).or_else(|| containment(detail)).unwrap_or_else(|| {
            let place = error.line().map_or_else(String::new, |line| format!(" (line {line} of the template)"));
            Self::new("TemplateError", format!("{}: {detail}{place}", error.kind()))
        })
    }
}

/// Python's name for a kind of value in a message of the template engine.
fn type_name(kind: &str) -> &str {
    match kind {
        "none" => "NoneType",
        "number" => "int",
        "string" => "str",
        "sequence" => "list",
        "map" => "dict",
        kind => kind,
    }
}

fn sum(detail: &str) -> Option<Raised> {
    let kinds = detail.strip_prefix("tried to use + operator on unsupported types ")?;
    let (left, right) = kinds.split_once(" and ")?;
    // Only what is not there iterates without being a list or a dictionary.
    if [left, right].iter().any(|kind| ["iterator", "undefined"].contains(kind)) {
        return Some(Raised::new("UndefinedError", "a part of a text is undefined"));
    }
    let (left, right) = (type_name(left), type_name(right));
    Some(Raised::new(
        "TypeError",
        match left {
            "str" | "list" => format!("can only concatenate {left} (not \"{right}\") to {left}"),
            _ => format!("unsupported operand type(s) for +: '{left}' and '{right}'"),
        },
    ))
}

fn iteration(detail: &str) -> Option<Raised> {
    let kind = detail.strip_suffix(" is not iterable")?;
    Some(Raised::new("TypeError", format!("'{}' object is not iterable", type_name(kind))))
}

fn containment(detail: &str) -> Option<Raised> {
    // The kind is not told; in conversations it is a content that is null.
    (detail == "cannot perform a containment check on this value")
        .then(|| Raised::new("TypeError", "argument of type 'NoneType' is not iterable"))
}

/// Python's name for the type of a value.
pub(super) fn type_of(value: &Value) -> &'static str {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        ValueKind::Plain => "int",
        _ => "object",
    }
}
