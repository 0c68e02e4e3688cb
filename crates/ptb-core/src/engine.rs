//! Engines by name.

use serde::{Deserialize, Serialize};

/// What generates tokens on this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// The decoder in this process.
    #[default]
    Embedded,
    /// `vllm serve`.
    Vllm,
    /// `sglang.launch_server`.
    Sglang,
    /// The server of llama.cpp.
    LlamaServer,
}

impl EngineName {
    /// All engines.
    pub const ALL: [Self; 4] = [Self::Embedded, Self::Vllm, Self::Sglang, Self::LlamaServer];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::LlamaServer => "llama-server",
        }
    }
}
