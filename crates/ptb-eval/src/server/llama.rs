//! `llama-server` of llama.cpp.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use ptb_core::files;
use ptb_engine::checkpoint::GenerationConfig;

use super::error::ServerError;
use super::kind::{Arguments, Place, ServerKind};
use super::launch::Launch;

/// Conversations that are processed at one time; further requests wait in the server.
const SLOTS: usize = 16;
/// Tokens of a conversation where nothing else is said: the longest answer of any benchmark and its prompt.
const CONTEXT: u32 = 20_480;

/// llama.cpp's server, with flags that are the same from the middle of 2025 on.
#[derive(Debug, Clone, Copy)]
pub struct LlamaServer;

impl ServerKind for LlamaServer {
    fn name(&self) -> &'static str {
        "llama-server"
    }

    fn executable(&self) -> &'static str {
        "llama-server"
    }

    fn install(&self) -> &'static str {
        "brew install llama.cpp, or build it from https://github.com/ggml-org/llama.cpp"
    }

    /// The server has sampling habits of its own, so that every parameter is given: the checkpoint's where it has one,
    /// that of the other servers elsewhere. Thoughts stay in the text, as with the other servers.
    fn arguments(&self, launch: &Launch, place: &Place) -> Result<Vec<OsString>, ServerError> {
        let model = gguf(&launch.model)?;
        let config = generation_config(&model)?;
        let slots = launch.connections.clamp(1, SLOTS);
        let tokens = u64::from(launch.context.unwrap_or(CONTEXT)) * slots as u64;
        let arguments = Arguments::new(&["--jinja"])
            .with("--model", model)
            .with("--alias", &launch.name)
            .with("--host", "127.0.0.1")
            .with("--port", place.port.to_string())
            .with("--chat-template-file", &place.template)
            .with("--reasoning-format", "none")
            .with("--ctx-size", tokens.to_string())
            .with("--parallel", slots.to_string())
            .with("--n-gpu-layers", "999")
            .with("--seed", launch.seed.to_string())
            .with("--temp", config.temperature.unwrap_or(1.0).to_string())
            .with("--top-k", config.top_k.unwrap_or(0).to_string())
            .with("--top-p", config.top_p.unwrap_or(1.0).to_string())
            .with("--min-p", config.min_p.unwrap_or(0.0).to_string())
            .with("--repeat-penalty", config.repetition_penalty.unwrap_or(1.0).to_string());
        Ok(arguments.done())
    }
}

/// The one GGUF file: itself, or in a folder.
fn gguf(model: &Path) -> Result<PathBuf, ServerError> {
    let refused = |reason: &str| ServerError::Model { model: model.to_owned(), reason: reason.to_owned() };
    let is_gguf = |path: &Path| path.extension().is_some_and(|extension| extension == "gguf");
    if model.is_file() {
        return if is_gguf(model) { Ok(model.to_owned()) } else { Err(refused("it is no .gguf file")) };
    }
    let entries = fs::read_dir(model).map_err(|error| refused(&error.to_string()))?;
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| is_gguf(path)).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(refused("llama-server reads GGUF files, and there is none; make one with convert_hf_to_gguf.py")),
        _ => Err(refused("it holds several GGUF files: name one of them")),
    }
}

/// What stands beside the file, if anything.
fn generation_config(model: &Path) -> Result<GenerationConfig, ServerError> {
    let path = model.with_file_name("generation_config.json");
    Ok(files::read_json_if_present(&path)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::kind::tests::line;
    use super::*;

    #[test]
    fn flags_follow_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.gguf");
        fs::write(&file, "GGUF").unwrap();
        let plain = line(&LlamaServer, false, |launch| launch.model = folder.path().to_owned());
        assert_eq!(
            plain.replace(folder.path().to_str().unwrap(), "DIR"),
            "--jinja --model DIR/it.gguf --alias tiny --host 127.0.0.1 --port 4242 \
             --chat-template-file /tmp/template.jinja --reasoning-format none --ctx-size 327680 --parallel 16 \
             --n-gpu-layers 999 --seed 0 --temp 1 --top-k 0 --top-p 1 --min-p 0 --repeat-penalty 1"
        );
        fs::write(folder.path().join("generation_config.json"), r#"{"temperature": 0.6, "top_k": 20}"#).unwrap();
        let configured = line(&LlamaServer, true, |launch| (launch.model, launch.connections) = (file.clone(), 2));
        assert!(configured.contains("--ctx-size 40000 --parallel 2"), "{configured}");
        assert!(configured.ends_with("--temp 0.6 --top-k 20 --top-p 1 --min-p 0 --repeat-penalty 1"), "{configured}");
    }

    #[test]
    fn a_checkpoint_without_exactly_one_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| gguf(path).unwrap_err().to_string();
        assert!(error(folder.path()).contains("convert_hf_to_gguf.py"));
        for name in ["a.gguf", "b.gguf", "c.bin"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert!(error(folder.path()).contains("several"));
        assert!(error(&folder.path().join("c.bin")).contains("no .gguf file"));
        assert!(error(Path::new("/no/such/model")).contains("/no/such/model"));
    }
}
