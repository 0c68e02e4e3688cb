//! Scores completions that stand in a file, without a model: one line in, one line out, in the same order.
//!
//! | module | subject |
//! |---|---|
//! | `line` | a line of the file |
//! | `surrogates` | halves of surrogate pairs, which JSON can write and UTF-8 cannot |
//! | `scoring` | from a line to its score |
//! | `stream` | line by line with bounded memory |

mod line;
mod scoring;
mod stream;
mod surrogates;

pub use scoring::{Judged, Mode, Scoring};
pub use stream::{Totals, score_lines};
