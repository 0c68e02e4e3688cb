//! The embedded micro suite: two benchmarks generated from a seed, the prose on which the micro base model is
//! pre-trained, and that model.
//!
//! [`micro_math`] and [`micro_format`] make items, [`micro_math_chat`] and [`micro_format_chat`] the same as rows for
//! supervised fine-tuning, [`Prose`] the pre-training text; [`write_base_model`] writes the model.

mod base;
mod chat;
mod dice;
mod format;
mod item;
mod lists;
mod math;
mod prose;
mod story;
mod tokenizer;
mod words;

pub use base::{BASE_ID, BaseModelError, TokenStream, base_descriptions, write_base_model};
pub use chat::{chat_row, micro_format_chat, micro_math_chat};
pub use format::{format_prompt, micro_format};
pub use item::{Item, Split, TEST_ITEMS, TEST_SEED, to_jsonl};
pub use math::{math_prompt, math_reply, micro_math};
pub use prose::Prose;
pub use story::MAX_NUMBER;
pub use tokenizer::{END_OF_TEXT, END_OF_TURN, VOCABULARY, train_tokenizer};
