//! Function calls: the call that a model makes against the one that is expected.
//!
//! | module | subject |
//! |---|---|
//! | [`rows`] | rows of the data set to tools and expected calls |
//! | `arguments` | the text of the arguments to values, through `json` or `yaml` |
//! | [`python`] | these values: Python's equality, printing and literals |
//! | [`strict`] | the strict scorer |
//! | [`compat`] | the reference's scorer |

mod arguments;
pub mod compat;
mod json;
pub mod python;
pub mod rows;
pub mod strict;
mod yaml;

pub use arguments::ArgumentsError;
pub use compat::CallError;
pub use strict::score_strict;
