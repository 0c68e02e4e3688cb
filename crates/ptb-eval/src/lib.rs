//! Benchmarks of PostTrainBench: data, prompts, scorers, metrics and logs.
//!
//! | module | subject |
//! |---|---|
//! | [`data`] | data sets: fetching, checking, items |
//! | [`prompt`] | from an item to the messages of a request |
//! | [`engine`] | what generates tokens, as a trait |
//! | [`embedded`] | the embedded decoder as such an engine |
//! | [`scorer`] | from a completion to a score |
//! | [`evaluation`] | all samples and seeds of a model on a benchmark, resumable |

pub mod data;
pub mod embedded;
pub mod engine;
pub mod evaluation;
mod log;
pub mod prompt;
pub mod scorer;
