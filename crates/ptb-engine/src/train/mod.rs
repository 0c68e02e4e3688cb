//! Training on top of the decoder: from nothing on a stream of tokens, or further on conversations.
//!
//! Everything is deterministic: the same inputs, seed and kind of processor give the same bytes, for any number of
//! threads. Set `RAYON_NUM_THREADS=1` in the environment before training, so that matrix products do not start threads
//! of their own beside the ones that share a step's micro-batches.

mod conversations;
mod cross_entropy;
mod error;
mod finetune;
mod order;
mod parameters;
mod pretrain;
mod progress;
mod rows;
mod save;
mod schedule;
mod state;
mod step;
mod trainable;

pub use conversations::LINE_LIMIT;
pub use error::TrainError;
pub use finetune::{FinetuneOptions, Summary, finetune};
pub use parameters::AdamW;
pub use pretrain::{PretrainOptions, pretrain};
pub use progress::Progress;
pub use save::write_weights;
pub use schedule::Schedule;
pub use trainable::LoraOptions;

/// A thread pool of this many threads.
fn pool(threads: usize) -> Result<rayon::ThreadPool, TrainError> {
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    built.map_err(|error| TrainError::setting("threads", threads, format!("a number this machine can start ({error})")))
}
