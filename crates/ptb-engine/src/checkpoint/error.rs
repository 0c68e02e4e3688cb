use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::generation_config::GenerationConfigError;
use crate::config::ConfigError;
use crate::decoder::DecoderError;

/// What is wrong with which file of a checkpoint.
#[derive(Debug, Error)]
#[error("cannot use {}: {problem}", path.display())]
pub struct CheckpointError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why, and what to do next.
    #[source]
    pub problem: Problem,
}

/// Why a file of a checkpoint cannot be used.
#[derive(Debug, Error)]
pub enum Problem {
    /// A file that every checkpoint has is absent.
    #[error("the file is missing; save model and tokenizer into this folder with save_pretrained")]
    Missing,
    /// The operating system refused.
    #[error("{0}; check the permissions and the disk")]
    Io(#[from] io::Error),
    /// A folder, device, pipe or socket where a file should be.
    #[error("it is not a plain file; put a regular file there")]
    NotAFile,
    /// A link that leads out of the checkpoint.
    #[error("it is a link that leads out of the checkpoint; copy the file itself into the folder")]
    Escapes,
    /// More bytes than such a file ever has.
    #[error("it has {bytes} bytes, more than the {limit} that are read; check how it was written")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// `config.json` is not one of a model that can be run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `generation_config.json` asks for something impossible.
    #[error(transparent)]
    Generation(#[from] GenerationConfigError),
    /// The tokenizer cannot be read.
    #[error("not a tokenizer: {0}; save it again with save_pretrained")]
    Tokenizer(String),
    /// The tokenizer knows tokens that the embedding matrix lacks.
    #[error("the tokenizer goes up to token {highest}, but the model has {vocab_size} embeddings; resize the model")]
    Vocabulary {
        /// Highest token id of the tokenizer.
        highest: u32,
        /// Rows of the embedding matrix.
        vocab_size: usize,
    },
    /// The index of the shards is not valid.
    #[error("not an index of shards: {0}; save the model again")]
    Index(serde_json::Error),
    /// A shard's name is a path.
    #[error("the shard name {name:?} is not the plain name of a .safetensors file; save the model again")]
    ShardName {
        /// The name.
        name: String,
    },
    /// The header or the length of a safetensors file is wrong.
    #[error("not a whole safetensors file: {0}; save or copy the model again")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The index promises a tensor that its shard lacks.
    #[error("the index places the tensor {name} here, but it is not in this file; save the model again")]
    MisplacedTensor {
        /// Its name.
        name: String,
    },
    /// A tensor is stored in a type that is not a plain float.
    #[error("the tensor {name} is stored as {dtype}, but must be BF16, F16 or F32; save it in one of these")]
    TensorType {
        /// Its name.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A weight is not a number.
    #[error("the tensor {name} holds {value} at element {index}; the training diverged: submit an earlier checkpoint")]
    NotFinite {
        /// Its name.
        name: String,
        /// Which element.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A tensor is missing or of another shape than the configuration says.
    #[error(transparent)]
    Tensor(#[from] DecoderError),
}
