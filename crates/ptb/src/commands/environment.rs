//! What commands know about the machine.

use std::path::{Path, PathBuf};

use ptb_core::definitions::Catalog;
use ptb_executor::cache::Cache;
use ptb_executor::worker::Equipment;

use crate::failure::{Failure, Sort};

/// What commands know about the machine.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Base models and data sets.
    pub cache: Cache,
    /// This program.
    pub ptb: PathBuf,
}

impl Environment {
    /// Looks around. `cache` is what the user asked for.
    pub fn find(cache: Option<PathBuf>) -> Result<Self, Failure> {
        let root = cache.unwrap_or_else(default_cache);
        let root = std::path::absolute(root).environment()?;
        Ok(Self { cache: Cache::at(root), ptb: std::env::current_exe().environment()? })
    }

    /// Processor cores that may be used.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    /// What a worker needs.
    pub fn equipment(&self, threads: Option<usize>) -> Result<Equipment, Failure> {
        let threads = threads.unwrap_or_else(Self::cores);
        if threads == 0 {
            return Err(crate::failure::usage("--threads must be at least 1"));
        }
        Ok(Equipment { cache: self.cache.clone(), ptb: self.ptb.clone(), threads })
    }

    /// All definitions: the embedded ones, and those of a folder.
    pub fn catalog(folder: Option<&Path>) -> Result<Catalog, Failure> {
        match folder {
            Some(folder) => Catalog::with_folder(folder).usage(),
            None => Catalog::embedded().usage(),
        }
    }
}

/// Where the XDG base directory specification puts caches.
fn default_cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("ptb")
}
