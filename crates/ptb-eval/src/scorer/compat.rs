//! The reference's scorers, bit for bit: Inspect AI 0.3.150 with `inspect_evals` 0.3.103 under Python 3.10.
//!
//! They are here to compare new scores with published ones. All their defects are kept, also that some answers make the
//! scorer raise instead of giving a score; everything else uses the strict scorers of the parent module.

mod boxed;
mod chinese;
mod choice;
mod code;
mod five_digits;
mod number;
mod numeric;
mod reply;
mod superscript;

pub(super) use boxed::without_boxed;
pub use choice::{choice_answer, choice_letter, label, score_choice};
pub use code::find_code;
pub(super) use number::number_of;
pub(super) use numeric::{looks_numeric, without_signs};
pub use numeric::{score_aime, score_numeric};
pub use reply::{RawReply, completion_of_content};

use super::python_text::quoted;

/// What the reference keeps of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Whether the answer counts.
    pub is_right: bool,
    /// The answer as the reference shows it.
    pub answer: String,
}

/// An exception of the reference. The whole evaluation ends with it.
///
/// Its text is the one of the reference's logs: `ValueError('...')`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}({arguments})")]
pub struct Raised {
    class: String,
    arguments: String,
    message: String,
}

impl Raised {
    /// An exception with a message.
    pub fn new(class: &str, message: &str) -> Self {
        Self { class: class.to_owned(), arguments: quoted(message), message: message.to_owned() }
    }

    /// An exception whose arguments, as Python code, are more than its message.
    pub(crate) fn with_arguments(class: &str, arguments: String, message: &str) -> Self {
        Self { class: class.to_owned(), arguments, message: message.to_owned() }
    }

    /// The text `ValueError: ...`, as the last line of a traceback has it.
    pub fn line(&self) -> String {
        format!("{}: {}", self.class, self.message)
    }

    fn value_error(message: &str) -> Self {
        Self::new("ValueError", message)
    }

    /// The exception of a result that is too large for a float, which has a number and a text.
    fn out_of_range() -> Self {
        let arguments = superscript::OUT_OF_RANGE.to_owned();
        Self {
            class: "OverflowError".to_owned(),
            message: arguments.clone(),
            arguments: arguments[1..arguments.len() - 1].to_owned(),
        }
    }
}
