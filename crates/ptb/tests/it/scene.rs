//! A results folder of its own, definitions of its own, and the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ptb_core::run::{RunFolder, RunKind, RunSpec};
use ptb_core::score::Score;

/// One test's world.
pub struct Scene {
    folder: tempfile::TempDir,
}

/// What a command printed and how it ended.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("definitions/agents")).expect("a folder for agents");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Defines a scripted agent with one step.
    pub fn agent(&self, id: &str, script: &str) -> &Self {
        let text = format!(
            "id = '{id}'\ntitle = '{id}'\ndescription = 'made for a test'\nscaffold = 'scripted'\n\
             [[steps]]\nsay = 'Here I go.'\nrun = '''\n{script}\n'''\n"
        );
        fs::write(self.path(&format!("definitions/agents/{id}.toml")), text).expect("an agent");
        self
    }

    /// Writes an experiment of one agent on micro-math with few items; `more` is further TOML.
    pub fn experiment(&self, agent: &str, seconds: f64, more: &str) -> &Self {
        let text = format!(
            "name = 'trial'\nagents = ['{agent}']\nmodels = ['micro-base']\nbenchmarks = ['micro-math']\n{more}\n\
             [budget]\nseconds = {seconds:?}\ngrace_seconds = 1\nmemory_gib = 1.0\nprocesses = 64\n\
             submission_gib = 0.1\n[evaluation]\nlimit = 8\n"
        );
        fs::write(self.path("experiment.toml"), text).expect("an experiment");
        self
    }

    pub fn ptb(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ptb"));
        command.current_dir(self.folder.path()).env("PTB_CACHE", self.path("cache"));
        command
    }

    pub fn say(&self, arguments: &[&str]) -> Said {
        said(&self.ptb().args(arguments).output().expect("ptb starts"))
    }

    /// Runs the experiment.
    pub fn run(&self) -> Said {
        self.say(&["run", "experiment.toml", "--definitions", "definitions", "--out", "results"])
    }

    /// The folder of the only agent run.
    pub fn agent_run(&self) -> (RunFolder, RunSpec) {
        let mut runs = self.runs().into_iter().filter(|(_, spec)| spec.kind == RunKind::Agent);
        let run = runs.next().expect("an agent run");
        assert!(runs.next().is_none(), "one agent run");
        run
    }

    pub fn runs(&self) -> Vec<(RunFolder, RunSpec)> {
        let paths = RunFolder::list(&self.path("results/runs")).expect("run folders");
        paths.into_iter().map(|path| RunFolder::open(path).expect("a run folder")).collect()
    }

    /// The score of the only agent run.
    pub fn score(&self) -> Score {
        self.agent_run().0.score().expect("a readable score").expect("a score")
    }
}

pub fn said(output: &Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Said {
    /// Fails the test unless the command succeeded.
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the command ended with this code and said all of this.
    pub fn badly(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in: {}", self.stderr);
        }
        self
    }
}

/// The project's root folder.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
