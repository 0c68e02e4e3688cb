//! Data sets: where their files are, how they get there, and the items in them.

mod download;
mod error;
mod fetch;
mod item;
mod micro;
mod mirror;
mod rows;
mod store;

pub use download::{DownloadProblem, Downloader};
pub use error::{DataError, Mismatch, RowProblem};
pub use fetch::{FetchAction, FetchProgress, FetchReport, Source};
pub use item::{Criterion, ExpectedCall, Item, ProgramTests, Reference, hash_items};
pub use micro::{export_micro, micro_items};
pub use rows::split_answer;
pub use store::{DataStatus, DataStore, FileState, default_root};
