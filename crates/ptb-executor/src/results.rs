//! The folder that holds the runs of an experiment and what was made from them.

use std::path::{Path, PathBuf};

/// The typed handle of a results folder.
#[derive(Debug, Clone)]
pub struct ResultsFolder {
    root: PathBuf,
}

impl ResultsFolder {
    /// The folder at `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The run folders.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The rebuildable index of the run folders.
    pub fn index(&self) -> PathBuf {
        self.root.join("index.sqlite")
    }

    /// The experiment as it was expanded, and the ids of its runs.
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// The leaderboard as data.
    pub fn leaderboard(&self) -> PathBuf {
        self.root.join("leaderboard.json")
    }

    /// The leaderboard as a page.
    pub fn page(&self) -> PathBuf {
        self.root.join("leaderboard.html")
    }
}
