//! The Hugging Face hub: addresses, access tokens, and the files of a model at a revision.
//!
//! The hub's own client crate is not used. Its current version brings 125 further crates, among them a second HTTP client
//! and a C library, and starts a file anew after an interruption; the version before checks no hashes. What is needed of
//! the hub are two kinds of addresses, so files come through the same [`Downloader`](crate::data::Downloader) as all
//! others: pinned, checked, resumed, and asked for again when a server struggles.

mod address;
mod listing;
mod snapshot;

pub use address::{Hub, HubKind, TOKEN_VARIABLE};
pub use listing::RemoteFile;
pub use snapshot::{Manifest, Snapshot};

pub(crate) use address::page;
