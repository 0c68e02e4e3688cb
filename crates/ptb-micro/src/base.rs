//! The embedded base model: its shape, its training text as tokens, and its files.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thiserror::Error;
use tokenizers::Tokenizer;

use crate::Prose;
use crate::tokenizer::{END_OF_TEXT, END_OF_TURN, VOCABULARY};

/// Name of the base model in the manner of a model hub.
pub const BASE_ID: &str = "ptb/micro-base";

const FILES: [(&str, &[u8]); 5] = [
    ("config.json", include_bytes!("../assets/base/config.json")),
    ("generation_config.json", include_bytes!("../assets/base/generation_config.json")),
    ("model.safetensors", include_bytes!("../assets/base/model.safetensors")),
    ("tokenizer.json", include_bytes!("../assets/base/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../assets/base/tokenizer_config.json")),
];

/// Why the base model could not be written or described.
#[derive(Debug, Error)]
pub enum BaseModelError {
    /// A file or folder could not be written.
    #[error("cannot write the micro base model to {}; free space or choose another folder", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The tokenizer lacks a token that the model needs.
    #[error("the tokenizer has no token {0}; train it with this crate")]
    MissingToken(&'static str),
    /// The tokenizer cannot be stored or used.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(#[from] tokenizers::Error),
}

/// Writes the embedded base model as a Hugging Face checkpoint folder, which appears at `dir` only when complete.
///
/// An existing folder with the same files is left alone, so several callers may ask for the same one.
pub fn write_base_model(dir: &Path) -> Result<(), BaseModelError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BaseModelError::Write { path, source }
    };
    if is_complete(dir) {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let partial = parent.join(format!(".micro-base-{}", std::process::id()));
    fs::create_dir_all(&partial).map_err(failed(&partial))?;
    for (name, bytes) in FILES {
        let path = partial.join(name);
        fs::write(&path, bytes).map_err(failed(&path))?;
    }
    match fs::rename(&partial, dir) {
        Ok(()) => Ok(()),
        Err(error) => {
            // The first error is the one to report; another caller may also have been faster.
            let _ = fs::remove_dir_all(&partial);
            if is_complete(dir) { Ok(()) } else { Err(failed(dir)(error)) }
        }
    }
}

fn is_complete(dir: &Path) -> bool {
    FILES.iter().all(|(name, bytes)| fs::read(dir.join(name)).is_ok_and(|found| found == *bytes))
}

/// The files of the base model that say what it is, by name: `config.json`, `generation_config.json`,
/// `tokenizer.json` and `tokenizer_config.json`.
pub fn base_descriptions(tokenizer: &Tokenizer) -> Result<Vec<(&'static str, String)>, BaseModelError> {
    let id = |token: &'static str| tokenizer.token_to_id(token).ok_or(BaseModelError::MissingToken(token));
    let (end_of_text, end_of_turn) = (id(END_OF_TEXT)?, id(END_OF_TURN)?);
    let generation = json!({
        "do_sample": false,
        "eos_token_id": [end_of_turn, end_of_text],
        "pad_token_id": end_of_text,
    });
    let tokenizer_config = json!({
        "clean_up_tokenization_spaces": false,
        "eos_token": END_OF_TURN,
        "model_max_length": POSITIONS,
        "pad_token": END_OF_TEXT,
        "tokenizer_class": "PreTrainedTokenizerFast",
    });
    Ok(vec![
        ("config.json", pretty(&shape(end_of_text))),
        ("generation_config.json", pretty(&generation)),
        ("tokenizer.json", tokenizer.to_string(false)?),
        ("tokenizer_config.json", pretty(&tokenizer_config)),
    ])
}

const POSITIONS: usize = 32_768;

/// About a million weights: what one core can fine-tune in a minute.
fn shape(end_of_text: u32) -> Value {
    json!({
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": null,
        "eos_token_id": end_of_text,
        "head_dim": 32,
        "hidden_act": "silu",
        "hidden_size": 128,
        "initializer_range": 0.03,
        "intermediate_size": 416,
        "max_position_embeddings": POSITIONS,
        "model_type": "qwen3",
        "num_attention_heads": 4,
        "num_hidden_layers": 4,
        "num_key_value_heads": 2,
        "pad_token_id": end_of_text,
        "rms_norm_eps": 1e-6,
        "rope_scaling": null,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": true,
        "torch_dtype": "bfloat16",
        "use_cache": true,
        "use_sliding_window": false,
        "vocab_size": VOCABULARY,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The pre-training text as an endless stream of tokens, with [`END_OF_TEXT`] after each document.
#[derive(Debug)]
pub struct TokenStream {
    prose: Prose,
    tokenizer: Tokenizer,
    end_of_text: u32,
    ready: VecDeque<u32>,
    failure: Option<tokenizers::Error>,
}

/// Documents that are encoded at a time.
const CHUNK: usize = 64;

impl TokenStream {
    /// The stream of `prose` in tokens of `tokenizer`.
    pub fn new(prose: Prose, tokenizer: Tokenizer) -> Result<Self, BaseModelError> {
        let end_of_text = tokenizer.token_to_id(END_OF_TEXT).ok_or(BaseModelError::MissingToken(END_OF_TEXT))?;
        Ok(Self { prose, tokenizer, end_of_text, ready: VecDeque::new(), failure: None })
    }

    /// The error that ended the stream, if one did.
    pub fn failure(&self) -> Option<&tokenizers::Error> {
        self.failure.as_ref()
    }
}

impl Iterator for TokenStream {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.ready.is_empty() {
            let documents: Vec<String> = self.prose.by_ref().take(CHUNK).collect();
            match self.tokenizer.encode_batch_fast(documents, false) {
                Ok(encodings) => {
                    for encoding in encodings {
                        self.ready.extend(encoding.get_ids());
                        self.ready.push_back(self.end_of_text);
                    }
                }
                Err(error) => self.failure = Some(error),
            }
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train_tokenizer;

    type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

    fn embedded(name: &str) -> &'static [u8] {
        FILES.iter().find(|(file, _)| *file == name).map_or(&[], |(_, bytes)| bytes)
    }

    #[test]
    fn the_folder_is_written_once_and_then_left_alone() -> Outcome {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("deep/base");
        write_base_model(&dir)?;
        let first = fs::metadata(dir.join("model.safetensors"))?.modified()?;
        write_base_model(&dir)?;
        assert_eq!(fs::metadata(dir.join("model.safetensors"))?.modified()?, first);
        assert_eq!(fs::read_dir(&dir)?.count(), FILES.len());
        assert_eq!(fs::read_dir(folder.path().join("deep"))?.count(), 1, "nothing unfinished is left");
        Ok(())
    }

    #[test]
    fn a_folder_with_other_content_is_not_overwritten() -> Outcome {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("mine.txt"), "keep")?;
        assert!(write_base_model(folder.path()).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("mine.txt"))?, "keep");
        Ok(())
    }

    #[test]
    fn the_embedded_descriptions_are_those_that_the_code_writes() -> Outcome {
        let tokenizer = Tokenizer::from_bytes(embedded("tokenizer.json"))?;
        for (name, text) in base_descriptions(&tokenizer)? {
            assert_eq!(text.as_bytes(), embedded(name), "{name}");
        }
        Ok(())
    }

    #[test]
    fn the_embedded_tokenizer_is_the_one_that_the_code_trains() -> Outcome {
        let trained = train_tokenizer(1)?.to_string(false)?;
        assert_eq!(trained.as_bytes(), embedded("tokenizer.json"));
        Ok(())
    }

    #[test]
    fn all_files_together_stay_below_eight_megabytes() {
        let total: usize = FILES.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!((1 << 20..8 << 20).contains(&total), "{total}");
    }

    #[test]
    fn documents_end_with_the_end_of_text() -> Outcome {
        let tokenizer = Tokenizer::from_bytes(embedded("tokenizer.json"))?;
        let end = tokenizer.token_to_id(END_OF_TEXT);
        let first = Prose::new(3).next().unwrap_or_default();
        let expected = tokenizer.encode(first, false)?;
        let found: Vec<u32> = TokenStream::new(Prose::new(3), tokenizer)?.take(expected.len() + 1).collect();
        assert_eq!(found[..expected.len()], *expected.get_ids());
        assert_eq!(found.last().copied(), end);
        Ok(())
    }
}
