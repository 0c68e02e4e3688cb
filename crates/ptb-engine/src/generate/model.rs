//! All that is needed to answer a conversation.

use std::path::Path;

use thiserror::Error;
use tokenizers::Tokenizer;

use super::cached::CachedDecoder;
use super::request::GenerationRequest;
use super::sampling::SamplingParams;
use crate::checkpoint::{Checkpoint, CheckpointError, GenerationConfig};
use crate::config::DecoderConfig;
use crate::decoder::{DecoderError, TensorMap};
use crate::template::{ChatTemplate, Message, RenderOptions, TemplateError};

/// Why a model cannot be loaded or asked.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The checkpoint is not usable.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The decoder cannot be built.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// The conversation cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The tokenizer failed on a text.
    #[error("the tokenizer cannot encode the prompt: {0}; check tokenizer.json")]
    Tokenizer(String),
}

/// A decoder with its tokenizer, its sampling and the chat template of its family.
#[derive(Debug)]
pub struct Model {
    decoder: CachedDecoder,
    tokenizer: Tokenizer,
    generation: GenerationConfig,
    template: ChatTemplate,
    ending: Vec<u32>,
}

impl Model {
    /// Loads a checkpoint folder. The template is the caller's choice, never the checkpoint's.
    pub fn load(path: &Path, template: ChatTemplate) -> Result<Self, ModelError> {
        let checkpoint = Checkpoint::open(path)?;
        let decoder = CachedDecoder::load(&checkpoint)?;
        let (tokenizer, generation) = (checkpoint.tokenizer().clone(), checkpoint.generation().clone());
        Ok(Self::from_decoder(decoder, tokenizer, generation, template))
    }

    /// Puts a model together from its parts.
    pub fn new(
        config: &DecoderConfig,
        weights: TensorMap,
        tokenizer: Tokenizer,
        generation: GenerationConfig,
        template: ChatTemplate,
    ) -> Result<Self, DecoderError> {
        Ok(Self::from_decoder(CachedDecoder::new(config, weights)?, tokenizer, generation, template))
    }

    fn from_decoder(
        decoder: CachedDecoder,
        tokenizer: Tokenizer,
        generation: GenerationConfig,
        template: ChatTemplate,
    ) -> Self {
        let ending = generation.eos_token_ids().unwrap_or_else(|| decoder.config().eos_token_ids.clone());
        // A checkpoint that names no ending token would never stop.
        let ending = if ending.is_empty() {
            tokenizer.token_to_id(template.end_of_turn()).into_iter().collect()
        } else {
            ending
        };
        Self { decoder, tokenizer, generation, template, ending }
    }

    /// The decoder.
    pub fn decoder(&self) -> &CachedDecoder {
        &self.decoder
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The sampling that the checkpoint asks for.
    pub fn generation(&self) -> &GenerationConfig {
        &self.generation
    }

    /// Tokens that end a completion: those of `generation_config.json`, else of `config.json`, else the end of a turn.
    pub fn ending_tokens(&self) -> &[u32] {
        &self.ending
    }

    /// Most tokens of prompt and completion together.
    pub fn context(&self) -> usize {
        self.decoder.config().max_position_embeddings
    }

    /// The tokens of a text. Special tokens written out in it are recognised.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self.tokenizer.encode(text, false).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The tokens of a conversation that is to be continued.
    pub fn encode_chat(&self, messages: &[Message], options: &RenderOptions) -> Result<Vec<u32>, ModelError> {
        self.encode(&self.template.render(messages, options)?)
    }

    /// A request with the checkpoint's own sampling and limit.
    pub fn request(&self, prompt: Vec<u32>, seed: u64) -> GenerationRequest {
        let sampling = SamplingParams::from(&self.generation);
        GenerationRequest { prompt, sampling, max_new_tokens: None, stop: Vec::new(), seed }
    }
}
