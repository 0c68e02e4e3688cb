//! Experiments, the stages of a run, and where runs are started.
//!
//! ```text
//! experiment.toml ──expand──▶ run specs ──create──▶ run folders ──local slots──▶ one worker process each
//!                                                                                     │
//!                     prepare ▶ agent ▶ collect ▶ audit ▶ evaluate ▶ score  ◀─────────┘
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`experiment`] | the file that names a matrix of runs, and its expansion |
//! | [`results`] | the folder that holds the runs of an experiment |
//! | [`cache`] | base models and data sets on this machine |
//! | [`worker`] | walking one run through its stages |
//! | [`stages`] | what each stage does |
//! | [`local`] | worker processes on this machine |
//! | [`fault`] | killing a worker at a chosen point, for tests of crashes |

pub mod cache;
pub mod experiment;
pub mod fault;
pub mod local;
pub mod results;
pub mod stages;
pub mod worker;
