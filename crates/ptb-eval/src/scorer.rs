//! From a completion to a score.
//!
//! Completions are untrusted text. A scorer always ends with a score or a wrong answer and its reason; it never fails.

pub mod call;
mod choice;
mod clean_up;
pub mod compat;
mod decimal;
mod digits;
mod numeric;
pub(crate) mod python_text;
mod quantity;
mod scored;
mod text;
mod thought;

pub use choice::score_choice;
pub use clean_up::{answer_for_judge, limit_repetitions};
pub use decimal::Decimal;
pub use numeric::{score_marked_number, score_numeric, target_number};
pub use scored::{Scored, Scorer};
pub use text::score_exact_text;
pub use thought::without_thoughts;
