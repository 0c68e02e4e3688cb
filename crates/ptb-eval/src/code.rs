//! Scoring of programs that a model wrote.
//!
//! **What must always hold: the process that runs a model's program never has the tests, and its word is believed only for
//! what its function could have returned as well.**
//!
//! For each answer there are two processes. The *checker* runs the data set's tests, with a stand-in for the function under
//! test. The *answer* runs the model's program in a sandbox that lives for this one answer. [`Pool`] passes calls from the
//! first to the second and plain values back; it checks every byte of these. An answer is right when the checker says, over
//! a pipe of its own, that the test function returned.
//!
//! | module | subject |
//! |---|---|
//! | [`compat`] | the reference's way, defects included: program and tests in one process |
//! | `grade` | from a completion to a score |
//! | `broker` | the conversation between both processes about one answer |
//! | `channel`, `frame`, `plain` | bytes from a process: waiting, cutting, checking |
//! | `process`, `interpreter` | a Python process in a sandbox |
//! | `pool`, `nursery` | several answers at a time, with processes made ahead |
//! | `python/` | what runs in the processes |

mod broker;
mod channel;
pub mod compat;
mod config;
mod error;
mod frame;
mod grade;
mod interpreter;
mod nursery;
mod plain;
mod pool;
mod process;
mod repr;

pub use config::CodeConfig;
pub use error::PoolError;
pub use grade::CodeGrader;
pub use interpreter::Interpreter;
pub use pool::{Pool, Verdict};
