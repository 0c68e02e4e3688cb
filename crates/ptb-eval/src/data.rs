//! Data sets: where their files are, how they get there, and the items in them.

mod baseline;
mod choices;
mod conversation;
mod digest;
mod download;
mod error;
mod fetch;
mod field;
mod item;
mod known;
mod micro;
mod mirror;
pub(crate) mod parallel;
mod pins;
mod row_choices;
mod rows;
mod store;
mod table;
mod unpack;

pub use choices::{letter, show_choices};
pub use digest::Digest;
pub use download::{DownloadProblem, Downloader};
pub use error::{DataError, Mismatch, RowProblem};
pub use fetch::{FetchAction, FetchProgress, FetchReport, Source};
pub use item::{Criterion, ExpectedCall, Item, ProgramTests, Reference, hash_items};
pub use known::FileState;
pub use micro::{export_micro, micro_items};
pub use pins::FirstFetch;
pub use rows::split_answer;
pub use store::{DataStatus, DataStore, default_root};

pub(crate) use download::Wanted;
pub(crate) use store::safe_join;
