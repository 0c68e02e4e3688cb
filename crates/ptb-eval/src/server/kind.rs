//! How a program is asked to serve a model.

use std::ffi::OsString;
use std::path::PathBuf;

use super::error::ServerError;
use super::launch::Launch;
use super::llama::LlamaServer;
use super::sglang::Sglang;
use super::vllm::Vllm;

/// Where one start of a server listens, and what it reads.
#[derive(Debug, Clone)]
pub struct Place {
    /// Port on the loopback interface.
    pub port: u16,
    /// The chat template's file.
    pub template: PathBuf,
}

/// A program that serves models.
pub trait ServerKind: Send + Sync {
    /// Its name on the command line and in logs.
    fn name(&self) -> &'static str;

    /// The program to look for.
    fn executable(&self) -> &'static str;

    /// The command that installs it.
    fn install(&self) -> &'static str;

    /// Its arguments.
    fn arguments(&self, launch: &Launch, place: &Place) -> Result<Vec<OsString>, ServerError>;
}

/// The kind with this name.
pub fn kind_named(name: &str) -> Option<Box<dyn ServerKind>> {
    match name {
        "vllm" => Some(Box::new(Vllm)),
        "sglang" => Some(Box::new(Sglang)),
        "llama-server" => Some(Box::new(LlamaServer)),
        _ => None,
    }
}

/// A command line in the making.
#[derive(Debug, Default)]
pub(super) struct Arguments(Vec<OsString>);

impl Arguments {
    /// Begins with these words.
    pub(super) fn new(words: &[&str]) -> Self {
        Self(words.iter().map(OsString::from).collect())
    }

    /// Adds a word.
    pub(super) fn word(mut self, word: impl Into<OsString>) -> Self {
        self.0.push(word.into());
        self
    }

    /// Adds a flag and its value.
    pub(super) fn with(self, flag: &str, value: impl Into<OsString>) -> Self {
        self.word(flag).word(value)
    }

    /// Adds a flag and its value, where there is one.
    pub(super) fn with_some(self, flag: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(flag, value.to_string()),
            None => self,
        }
    }

    pub(super) fn done(self) -> Vec<OsString> {
        self.0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use ptb_core::definitions::Family;

    use super::*;

    /// The command line of a kind in one line, for a benchmark with functions on two GPUs if `rich`.
    pub(in crate::server) fn line(kind: &dyn ServerKind, rich: bool, change: impl FnOnce(&mut Launch)) -> String {
        let mut launch = Launch::new("/models/it".into(), "tiny", Family::Qwen3, "/logs/server.log".into());
        if rich {
            launch.tools = true;
            launch.context = Some(20_000);
            launch.gpu_memory = Some(0.8);
            launch.replicas = 2;
            launch.seed = 72332;
        }
        change(&mut launch);
        let place = Place { port: 4242, template: "/tmp/template.jinja".into() };
        let arguments = kind.arguments(&launch, &place).unwrap();
        let words: Vec<_> = arguments.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn kinds_are_found_by_their_names() {
        for name in ["vllm", "sglang", "llama-server"] {
            assert_eq!(kind_named(name).unwrap().name(), name);
        }
        assert!(kind_named("embedded").is_none());
    }

    #[test]
    fn no_kind_runs_code_of_a_checkpoint_or_listens_to_the_network() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.gguf");
        std::fs::write(&model, "GGUF").unwrap();
        for kind in [&Vllm as &dyn ServerKind, &Sglang, &LlamaServer] {
            let line = line(kind, true, |launch| launch.model = model.clone());
            assert!(!line.contains("trust"), "{line}");
            assert!(line.contains("--host 127.0.0.1 --port 4242"), "{line}");
            assert!(line.contains("/tmp/template.jinja"), "{line}");
        }
    }
}
