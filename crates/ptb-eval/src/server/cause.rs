//! What a server's log says about its end.

use std::fmt;

/// Why a server died, as far as its last words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The GPU has too little memory left.
    GpuMemory,
    /// The cache of keys and values has no room for one conversation.
    CacheMemory,
    /// The machine has too little memory.
    HostMemory,
    /// The server does not know the model's architecture.
    Architecture,
    /// Another program has the port.
    PortTaken,
    /// There is no GPU.
    NoGpu,
    /// It is installed in a version with other flags.
    Flags,
    /// It is not installed where it was looked for.
    NotInstalled,
    /// The checkpoint is incomplete or damaged.
    Checkpoint,
}

/// The signs of each cause in lower case; the first cause that has a sign in the log counts.
const SIGNS: [(Cause, &[&str]); 9] = [
    (Cause::NotInstalled, &["no module named 'sglang'", "no module named sglang", "no module named 'vllm'"]),
    (Cause::PortTaken, &["address already in use", "couldn't bind http server socket", "could not bind"]),
    (Cause::Flags, &["unrecognized arguments", "error: invalid argument", "invalid choice:"]),
    (
        Cause::CacheMemory,
        &[
            "larger than the maximum number of tokens that can be stored in kv cache",
            "no available memory for the cache blocks",
            "estimated maximum model length",
        ],
    ),
    (
        Cause::GpuMemory,
        &[
            "cuda out of memory",
            "torch.outofmemoryerror",
            "hip out of memory",
            "cudamalloc failed: out of memory",
            "cuda error: out of memory",
            "not enough memory. please try to increase --mem-fraction-static",
            "is less than desired gpu memory utilization",
        ],
    ),
    (
        Cause::Architecture,
        &[
            "are not supported for now",
            "unknown model architecture",
            "does not recognize this architecture",
            "has no sglang implementation",
            "unsupported architecture",
        ],
    ),
    (
        Cause::NoGpu,
        &[
            "no cuda gpus are available",
            "failed to infer device type",
            "found no nvidia driver",
            "no cuda-capable device",
        ],
    ),
    (Cause::HostMemory, &["cannot allocate memory", "std::bad_alloc", "memoryerror"]),
    (
        Cause::Checkpoint,
        &[
            "safetensorerror",
            "cannot find any model weights",
            "error while deserializing header",
            "failed to load model",
            "no such file or directory",
        ],
    ),
];

impl Cause {
    /// The cause that the log names.
    pub(super) fn of(log: &str) -> Option<Self> {
        let log = log.to_lowercase();
        SIGNS.iter().find(|(_, signs)| signs.iter().any(|sign| log.contains(sign))).map(|(cause, _)| *cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::GpuMemory => {
                "the GPU is out of memory: stop other programs on it, or give a smaller share or context"
            }
            Self::CacheMemory => {
                "the GPU memory has no room for one conversation: give a larger share or a smaller context"
            }
            Self::HostMemory => "the machine is out of memory",
            Self::Architecture => {
                "it does not know the model's architecture: check config.json, or install a newer version"
            }
            Self::PortTaken => "another program has its port",
            Self::NoGpu => "it finds no GPU: check the driver and CUDA_VISIBLE_DEVICES",
            Self::Flags => "it does not know the flags it was given: install the version that `ptb doctor` names",
            Self::NotInstalled => "it is not installed for this Python",
            Self::Checkpoint => "it cannot read the checkpoint",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_of_the_servers_are_understood() {
        let logs = [
            ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has", Cause::GpuMemory),
            (
                "ValueError: Free memory on device (3/79 GiB) on startup is less than desired GPU memory utilization",
                Cause::GpuMemory,
            ),
            (
                "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9 MiB on device 0: cudaMalloc failed: out of memory",
                Cause::GpuMemory,
            ),
            (
                "the model's max seq len (40960) is larger than the maximum number of tokens that can be stored in KV cache (900)",
                Cause::CacheMemory,
            ),
            (
                "ValueError: Model architectures ['FooForCausalLM'] are not supported for now. Supported",
                Cause::Architecture,
            ),
            ("error loading model architecture: unknown model architecture: 'foo'", Cause::Architecture),
            ("OSError: [Errno 98] Address already in use", Cause::PortTaken),
            ("start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 80", Cause::PortTaken),
            ("RuntimeError: Failed to infer device type, please set", Cause::NoGpu),
            ("vllm: error: unrecognized arguments: --generation-config", Cause::Flags),
            ("/usr/bin/python3: No module named sglang", Cause::NotInstalled),
            ("safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge", Cause::Checkpoint),
        ];
        for (log, cause) in logs {
            assert_eq!(Cause::of(log), Some(cause), "{log}");
        }
        assert_eq!(Cause::of("INFO Application startup complete."), None);
    }
}
