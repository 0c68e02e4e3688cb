//! The overlap detector: test items of the benchmark in whatever text the agent left.
//!
//! Test items are cut into word n-grams ([`index`]); text is read as a stream of words ([`words`]), every n-gram of which
//! is looked up; where one is found, the item is aligned with the words around it ([`align`]) under thresholds that
//! depend on its length. [`stream`] does this for text of any size in bounded memory.

mod align;
mod index;
mod stream;
mod words;

pub use index::Field;
pub(crate) use index::Index;
pub(crate) use stream::{Found, Hit};
