//! Values as Python has them: what arguments are compared with, and how they are printed.
//!
//! The reference compares a call's arguments by Python's `==`, so `1`, `1.0` and `True` are one value and `"1"` is another.

mod equality;
mod literal;
mod repr;
mod text;
mod value;

pub use equality::equal;
pub use literal::{CallSyntaxError, parse_call};
pub use repr::{Unprintable, repr, repr_text, str_of};
pub use text::Text;
pub(crate) use value::too_many_digits;
pub use value::{DateTime, Dict, Value, integer_of_digits};
