//! What a server is asked to serve.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ptb_core::definitions::{Family, SamplingOverrides};

/// Large models on slow disks take long, and some servers compile before they are ready.
const START_TIME: Duration = Duration::from_mins(20);
/// Time that a server has to end by itself.
const GRACE: Duration = Duration::from_secs(20);
/// Requests at one time: what the servers batch by default.
const CONNECTIONS: usize = 256;

/// What a server is asked to serve, and with how much of the machine.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The checkpoint folder.
    pub model: PathBuf,
    /// The name that requests and logs use.
    pub name: String,
    /// The family, which decides the chat template whatever the checkpoint says.
    pub family: Family,
    /// Whether the benchmark offers functions to call.
    pub tools: bool,
    /// Longest conversation in tokens, prompt and answer; without it the model's own.
    pub context: Option<u32>,
    /// Share of each GPU's memory; without it the server's own default.
    pub gpu_memory: Option<f64>,
    /// Copies of the model, each on a GPU of its own.
    pub replicas: u32,
    /// Seed of the server's sampling.
    pub seed: u64,
    /// Generation parameters that the benchmark sends.
    pub sampling: SamplingOverrides,
    /// Whether each request carries its sample's seed.
    pub send_seed: bool,
    /// Most requests at one time.
    pub connections: usize,
    /// The program to start in place of the one on the search path.
    pub executable: Option<PathBuf>,
    /// Where the server's output goes.
    pub log: PathBuf,
    /// Longest time until it is ready.
    pub start_time: Duration,
    /// Time between the request to end and the forced end.
    pub grace: Duration,
}

impl Launch {
    /// The usual settings.
    pub fn new(model: PathBuf, name: impl Into<String>, family: Family, log: PathBuf) -> Self {
        Self {
            model,
            name: name.into(),
            family,
            tools: false,
            context: None,
            gpu_memory: None,
            replicas: 1,
            seed: 0,
            sampling: SamplingOverrides::default(),
            send_seed: false,
            connections: CONNECTIONS,
            executable: None,
            log,
            start_time: START_TIME,
            grace: GRACE,
        }
    }

    /// The chat template: the family's, for functions where they are offered.
    pub(super) fn template(&self) -> &'static str {
        self.family.template(self.tools).source()
    }
}

/// The GPUs that a server would see; 0 without any.
pub fn visible_gpus() -> u32 {
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(list) => listed(&list),
        Err(_) => fs::read_dir("/proc/driver/nvidia/gpus").map_or(0, |gpus| gpus.count() as u32),
    }
}

/// The driver stops reading at the first number that is none.
fn listed(list: &str) -> u32 {
    let names = list.split(',').map(str::trim);
    names.take_while(|name| !name.is_empty() && !name.starts_with('-')).count() as u32
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_list_of_gpus_is_counted_as_the_driver_does() {
        for (list, count) in [("", 0), ("0", 1), ("0,1", 2), ("GPU-1a, GPU-2b", 2), ("0,-1,1", 1), ("-1", 0)] {
            assert_eq!(listed(list), count, "{list:?}");
        }
    }
}
