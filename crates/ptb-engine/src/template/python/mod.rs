//! Python's values, as far as JSON and templates know them: reading, printing, methods, and what they raise.

mod dumps;
mod loads;
mod methods;
mod raised;
mod repr;
mod surrogate;
mod value;

pub(crate) use dumps::{ascii_string, dumps};
pub(crate) use loads::{LoadError, Loaded, loads};
pub(crate) use methods::call_method;
pub(crate) use raised::{Raised, raise};
pub(crate) use repr::str_of;
pub(crate) use surrogate::escape_halves;
pub(crate) use value::{Dict, List, from_json, is_defined, object};
