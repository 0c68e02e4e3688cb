//! The vocabulary of PostTrainBench: what a benchmark, a base model, an agent, a run, a finding and a score are, how a
//! run folder is laid out, and how all of it is stored.
//!
//! Everything above this crate speaks in these types. It does no I/O beyond files.
//!
//! | module | subject |
//! |---|---|
//! | [`ids`] | names and identifiers as types |
//! | [`definitions`] | benchmarks, base models and agents as TOML files |
//! | [`files`] | reading and atomic writing with errors that name the file |
//! | [`run`] | what a run is asked to do, and the typed layout of its folder |
//! | [`stage`] | the stages of a run and their records |
//! | [`event`] | the append-only event log of a run |
//! | [`outcome`] | how an agent's session ended and what it used |
//! | [`engine`] | engines by name |
//! | [`evaluation`] | metrics of an evaluation, and the log it writes |
//! | [`audit`] | findings and verdicts |
//! | [`score`] | scores and their provenance |
//! | [`seed`] | seeds derived by hash |
//! | [`python`] | how Python prints and reads texts and numbers |
//! | [`index`] | the rebuildable cache of many run folders |

pub mod audit;
pub mod definitions;
pub mod engine;
pub mod evaluation;
pub mod event;
pub mod files;
pub mod ids;
pub mod index;
pub mod outcome;
pub mod python;
pub mod run;
pub mod score;
pub mod seed;
pub mod stage;
