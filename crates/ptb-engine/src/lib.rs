//! Embedded engine of PostTrainBench: a decoder for Qwen3, SmolLM3 and Gemma 3 on candle, its training, batched generation
//! and an OpenAI-compatible server.
//!
//! | module | subject |
//! |---|---|
//! | [`checkpoint`] | checkpoint folders, read as hostile input |
//! | [`config`] | the shape of a decoder, from `config.json` |
//! | [`decoder`] | the differentiable forward pass over whole sequences |
//! | [`generate`] | batched generation with a cache of keys and values |
//! | [`serve`] | an HTTP server in the manner of OpenAI's |
//! | [`template`] | conversations as the text that a family of models expects |
//! | [`tool_call`] | function calls in what a model writes |

pub mod checkpoint;
pub mod config;
pub mod decoder;
pub mod generate;
pub mod serve;
pub mod template;
pub mod tool_call;
pub mod train;
