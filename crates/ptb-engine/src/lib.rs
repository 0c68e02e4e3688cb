//! Embedded engine of PostTrainBench: a Qwen3 decoder on candle, its training, batched generation and an
//! OpenAI-compatible server.
//!
//! | module | subject |
//! |---|---|
//! | [`config`] | the shape of a decoder, from `config.json` |
//! | [`decoder`] | the differentiable forward pass over whole sequences |

pub mod config;
pub mod decoder;
