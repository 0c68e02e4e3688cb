//! `vllm serve`.

use std::ffi::OsString;

use super::error::ServerError;
use super::kind::{Arguments, Place, ServerKind};
use super::launch::Launch;

/// vLLM, with the flags of 0.11 and 0.12.
#[derive(Debug, Clone, Copy)]
pub struct Vllm;

impl ServerKind for Vllm {
    fn name(&self) -> &'static str {
        "vllm"
    }

    fn executable(&self) -> &'static str {
        "vllm"
    }

    fn install(&self) -> &'static str {
        "pip install 'vllm>=0.11'"
    }

    /// Code of the checkpoint is not run unless a flag asks for it, which is never given here. Its
    /// `generation_config.json` decides the sampling.
    fn arguments(&self, launch: &Launch, place: &Place) -> Result<Vec<OsString>, ServerError> {
        let mut arguments = Arguments::new(&["serve"])
            .word(&launch.model)
            .with("--served-model-name", &launch.name)
            .with("--host", "127.0.0.1")
            .with("--port", place.port.to_string())
            .with("--chat-template", &place.template)
            .with("--chat-template-content-format", "string")
            .with("--generation-config", "auto")
            .with("--load-format", "safetensors")
            .with("--seed", launch.seed.to_string())
            .word("--disable-uvicorn-access-log")
            .with_some("--gpu-memory-utilization", launch.gpu_memory)
            .with_some("--max-model-len", launch.context);
        if launch.replicas > 1 {
            arguments = arguments.with("--data-parallel-size", launch.replicas.to_string());
        }
        if launch.tools {
            // All three families are asked to write calls as Hermes does.
            arguments = arguments.word("--enable-auto-tool-choice").with("--tool-call-parser", "hermes");
        }
        Ok(arguments.done())
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::tests::line;
    use super::*;

    #[test]
    fn flags_follow_the_benchmark_and_the_machine() {
        assert_eq!(
            line(&Vllm, false, |_| {}),
            "serve /models/it --served-model-name tiny --host 127.0.0.1 --port 4242 --chat-template /tmp/template.jinja \
             --chat-template-content-format string --generation-config auto --load-format safetensors --seed 0 \
             --disable-uvicorn-access-log"
        );
        let rich = line(&Vllm, true, |_| {});
        assert!(rich.ends_with(
            "--seed 72332 --disable-uvicorn-access-log --gpu-memory-utilization 0.8 --max-model-len 20000 \
             --data-parallel-size 2 --enable-auto-tool-choice --tool-call-parser hermes"
        ));
    }
}
