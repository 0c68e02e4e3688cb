//! Scores completions that stand in a file, without a model: one line in, one line out, in the same order.
//!
//! | module | subject |
//! |---|---|
//! | `line` | a line of the file |
//! | `surrogates` | halves of surrogate pairs, which JSON can write and UTF-8 cannot |
//! | `sample` | what a completion is compared with |
//! | `method` | the scorer of a benchmark |
//! | `scoring` | from a line to its score |
//! | `stream` | line by line with bounded memory |

mod line;
mod method;
mod sample;
mod scoring;
mod stream;
mod surrogates;

pub use method::{Mode, NotScorable};
pub use scoring::{Judged, Scoring};
pub use stream::{Totals, score_lines};
