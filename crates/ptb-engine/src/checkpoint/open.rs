//! A checkpoint as a whole.

use std::panic::catch_unwind;
use std::path::Path;

use candle_core::Tensor;
use safetensors::tensor::TensorView;
use serde::de::IgnoredAny;
use tokenizers::Tokenizer;

use super::error::{CheckpointError, Problem};
use super::folder::Folder;
use super::generation_config::GenerationConfig;
use super::tensors::Shards;
use crate::config::{DecoderConfig, WeightType};
use crate::decoder::TensorMap;

const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const EMBEDDING: &str = "model.embed_tokens.weight";
const CONFIG_LIMIT: u64 = 4 << 20;
const TOKENIZER_LIMIT: u64 = 256 << 20;

/// A checkpoint folder whose configuration, tokenizer and tensor headers have been checked.
///
/// The weights stay on disk until [`Checkpoint::weights`].
#[derive(Debug)]
pub struct Checkpoint {
    folder: Folder,
    config: DecoderConfig,
    generation: GenerationConfig,
    tokenizer: Tokenizer,
    shards: Shards,
    surplus: Vec<String>,
}

impl Checkpoint {
    /// Opens a folder with `config.json`, `tokenizer.json`, safetensors and perhaps `generation_config.json`.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let folder = Folder::open(path)?;
        let mut config = DecoderConfig::from_json(&folder.read(CONFIG, CONFIG_LIMIT)?)
            .map_err(|error| folder.error(CONFIG, error))?;
        let generation = read_generation(&folder, &config)?;
        let tokenizer = read_tokenizer(&folder, &config)?;
        let shards = Shards::open(&folder, &config)?;
        let surplus = shards.check(&folder, &config)?;
        config.round_embedding_scale(shards.storage(&folder, EMBEDDING)?.1);
        Ok(Self { folder, config, generation, tokenizer, shards, surplus })
    }

    /// Reads all weights into memory in single precision. A weight that is not a finite number is an error.
    pub fn weights(&self) -> Result<TensorMap, CheckpointError> {
        self.shards.load(&self.folder, &self.config)
    }

    /// Reads one weight of the decoder in the type in which it is stored, F32, F16 or BF16.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        self.shards.read(&self.folder, name, shape)
    }

    /// The name in the files of a weight of the decoder, and the type in which it is stored.
    pub(crate) fn storage(&self, name: &str) -> Result<(String, WeightType), CheckpointError> {
        self.shards.storage(&self.folder, name)
    }

    /// The tensors of parts of the model that the decoder does not need, such as a vision tower.
    pub(crate) fn other_parts(&self) -> Result<Vec<(String, TensorView<'_>)>, CheckpointError> {
        self.shards.other_parts(&self.folder)
    }

    /// The shape of the model.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The sampling that the checkpoint asks for.
    pub fn generation(&self) -> &GenerationConfig {
        &self.generation
    }

    /// The tokenizer, without truncation and padding.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Tensors in the files that the model does not use, such as a stored copy of tied embeddings.
    pub fn surplus_tensors(&self) -> &[String] {
        &self.surplus
    }
}

fn read_generation(folder: &Folder, config: &DecoderConfig) -> Result<GenerationConfig, CheckpointError> {
    if !folder.has(GENERATION) {
        return Ok(GenerationConfig::default());
    }
    let generation = GenerationConfig::from_json(&folder.read(GENERATION, CONFIG_LIMIT)?)
        .map_err(|error| folder.error(GENERATION, error))?;
    generation.check_tokens(config.vocab_size).map_err(|error| folder.error(GENERATION, error))?;
    Ok(generation)
}

fn read_tokenizer(folder: &Folder, config: &DecoderConfig) -> Result<Tokenizer, CheckpointError> {
    let bytes = folder.read(TOKENIZER, TOKENIZER_LIMIT)?;
    let refused = |reason: String| folder.error(TOKENIZER, Problem::Tokenizer(reason));
    let failed = |error: tokenizers::Error| refused(error.to_string());
    // The tokenizer library panics on some malformed files: what is not JSON never gets there, the rest is caught.
    serde_json::from_slice::<IgnoredAny>(&bytes).map_err(|error| refused(error.to_string()))?;
    let mut tokenizer = catch_unwind(|| Tokenizer::from_bytes(bytes))
        .map_err(|_| refused("its parts contradict each other".to_owned()))?
        .map_err(failed)?;
    // Left-over training settings would silently shorten or lengthen prompts.
    tokenizer.with_truncation(None).map_err(failed)?;
    tokenizer.with_padding(None);
    let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
    if highest as usize >= config.vocab_size {
        let problem = Problem::Vocabulary { highest, vocab_size: config.vocab_size };
        return Err(folder.error(TOKENIZER, problem));
    }
    Ok(tokenizer)
}
