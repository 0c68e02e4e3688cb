//! Benchmarks of PostTrainBench: data, prompts, scorers, metrics and logs.
//!
//! | module | subject |
//! |---|---|
//! | [`code`] | programs that a model wrote: running and checking them |
//! | [`data`] | data sets: fetching, checking, items |
//! | [`hub`] | the Hugging Face hub: addresses, tokens, the files of a model |
//! | [`prompt`] | from an item to the messages of a request |
//! | [`engine`] | what generates tokens, as a trait |
//! | [`http`] | the HTTP client of engines and judges |
//! | [`choice`] | choosing an engine for a model on this machine |
//! | [`embedded`] | the embedded decoder as such an engine |
//! | [`endpoint`] | any OpenAI-compatible server as such an engine |
//! | [`on_demand`] | an engine that starts when it is first asked |
//! | [`server`] | model servers that are started for an evaluation, as such an engine |
//! | [`python_random`] | random orders of Python and numpy, draw for draw |
//! | [`score_file`] | completions in a file to scores, without a model |
//! | [`scorer`] | from a completion to a score |
//! | [`grader`] | what more than the completion's text decides: running code, asking a judge |
//! | [`graders`] | choosing the grader of a benchmark |
//! | [`judge`] | an LLM as such a grader: by rubric, or by comparison |
//! | [`evaluation`] | all samples and seeds of a model on a benchmark, resumable |

pub mod choice;
pub mod code;
pub mod data;
pub mod embedded;
pub mod endpoint;
pub mod engine;
pub mod evaluation;
pub mod grader;
pub mod graders;
pub mod http;
pub mod hub;
pub mod judge;
mod log;
pub mod on_demand;
pub mod prompt;
pub mod python_random;
pub mod score_file;
pub mod scorer;
pub mod server;
