//! `python -m sglang.launch_server`.

use std::ffi::OsString;

use super::error::ServerError;
use super::kind::{Arguments, Place, ServerKind};
use super::launch::Launch;

/// SGLang, with the flags of 0.5.
#[derive(Debug, Clone, Copy)]
pub struct Sglang;

impl ServerKind for Sglang {
    fn name(&self) -> &'static str {
        "sglang"
    }

    fn executable(&self) -> &'static str {
        "python3"
    }

    fn install(&self) -> &'static str {
        "pip install 'sglang[all]>=0.5'"
    }

    fn arguments(&self, launch: &Launch, place: &Place) -> Result<Vec<OsString>, ServerError> {
        let mut arguments = Arguments::new(&["-m", "sglang.launch_server"])
            .with("--model-path", &launch.model)
            .with("--served-model-name", &launch.name)
            .with("--host", "127.0.0.1")
            .with("--port", place.port.to_string())
            .with("--chat-template", &place.template)
            .with("--sampling-defaults", "model")
            .with("--load-format", "safetensors")
            .with("--random-seed", launch.seed.to_string())
            .with("--log-level-http", "warning")
            .with_some("--mem-fraction-static", launch.gpu_memory)
            .with_some("--context-length", launch.context);
        if launch.replicas > 1 {
            arguments = arguments.with("--data-parallel-size", launch.replicas.to_string());
        }
        if launch.tools {
            // Its name for the way in which Hermes writes calls.
            arguments = arguments.with("--tool-call-parser", "qwen25");
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
            line(&Sglang, false, |_| {}),
            "-m sglang.launch_server --model-path /models/it --served-model-name tiny --host 127.0.0.1 --port 4242 \
             --chat-template /tmp/template.jinja --sampling-defaults model --load-format safetensors --random-seed 0 \
             --log-level-http warning"
        );
        let rich = line(&Sglang, true, |_| {});
        assert!(rich.ends_with(
            "--mem-fraction-static 0.8 --context-length 20000 --data-parallel-size 2 --tool-call-parser qwen25"
        ));
    }
}
