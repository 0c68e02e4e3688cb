//! The environment of a server: what it needs to find its libraries and GPUs, and no keys.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables that are passed on, by the beginning of their names.
const PASSED: [&str; 21] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_",
    "CUDA_",
    "NVIDIA_",
    "NCCL_",
    "ROCR_",
    "HIP_",
    "XDG_CACHE_HOME",
    "TRITON_",
    "TORCH",
    "OMP_NUM_THREADS",
    "VLLM_",
    "SGLANG_",
    "GGML_",
];
/// A variable with one of these in its name holds a secret, whatever it begins with.
const SECRET: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"];
/// Nothing is fetched, nothing is reported, and the output is not held back.
const FIXED: [(&str, &str); 5] = [
    ("HF_HUB_OFFLINE", "1"),
    ("TRANSFORMERS_OFFLINE", "1"),
    ("VLLM_NO_USAGE_STATS", "1"),
    ("DO_NOT_TRACK", "1"),
    ("PYTHONUNBUFFERED", "1"),
];

/// The environment of a server, given that of this process.
pub(super) fn environment(own: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<OsString, OsString> {
    let fixed = FIXED.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    own.filter(|(name, _)| name.to_str().is_some_and(is_passed)).chain(fixed).collect()
}

fn is_passed(name: &str) -> bool {
    let upper = name.to_uppercase();
    PASSED.iter().any(|start| name.starts_with(start)) && !SECRET.iter().any(|secret| upper.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_behind() {
        let own = [
            ("PATH", "/bin"),
            ("CUDA_VISIBLE_DEVICES", "0,1"),
            ("OPENAI_API_KEY", "sk-1"),
            ("HF_TOKEN", "hf-1"),
            ("VLLM_API_KEY", "sk-2"),
            ("CONDA_auth_x", "sk-3"),
            ("AWS_PROFILE", "me"),
        ];
        let passed = environment(own.into_iter().map(|(name, value)| (name.into(), value.into())));
        let names: Vec<_> = passed.keys().filter_map(|name| name.to_str()).collect();
        let expected = [
            "CUDA_VISIBLE_DEVICES",
            "DO_NOT_TRACK",
            "HF_HUB_OFFLINE",
            "PATH",
            "PYTHONUNBUFFERED",
            "TRANSFORMERS_OFFLINE",
            "VLLM_NO_USAGE_STATS",
        ];
        assert_eq!(names, expected);
    }
}
