//! The Python interpreter of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ptb_sandbox::{Mount, MountKind};
use serde::{Deserialize, Serialize};

use super::error::PoolError;

/// Prints what the sandbox needs to know of an interpreter.
const QUESTIONS: &str = "import json, os, sys
folders = [path for path in sys.path if path.endswith(('site-packages', 'dist-packages')) and os.path.isdir(path)]
print(json.dumps({
    'executable': os.path.realpath(sys.executable), 'version': '.'.join(map(str, sys.version_info[:3])),
    'minor': sys.version_info[1] if sys.version_info[0] == 3 else 0, 'base': os.path.realpath(sys.base_prefix),
    'packages': folders}))";

/// Oldest version whose parser can be told to be an older one.
const OLDEST_MINOR: u8 = 8;

/// Where a sandbox has the host's system folders anyway.
const SYSTEM: &str = "/usr";

/// An interpreter and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The program itself, without links and without a virtual environment.
    pub executable: PathBuf,
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// The second number of its version.
    pub minor: u8,
    /// The folder of its standard library.
    base: PathBuf,
    /// Folders of installed packages, which programs may import.
    pub packages: Vec<String>,
}

impl Interpreter {
    /// Asks an interpreter about itself. A bare name is looked for on `PATH`.
    pub fn find(name: &Path) -> Result<Self, PoolError> {
        let failed = |reason: String| PoolError::Interpreter { path: name.to_owned(), reason };
        let output = Command::new(name)
            .args(["-I", "-c", QUESTIONS])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(failed(errors.lines().last().unwrap_or("it failed without a message").to_owned()));
        }
        let found: Self = serde_json::from_slice(&output.stdout)
            .map_err(|error| failed(format!("its answer cannot be read: {error}")))?;
        if found.minor < OLDEST_MINOR {
            return Err(failed(format!("it is version {}", found.version)));
        }
        Ok(found)
    }

    /// What a sandbox must see of the host besides the system folders.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        let mut folders: Vec<&Path> = vec![&self.base];
        folders.extend(self.packages.iter().map(Path::new).filter(|folder| !folder.starts_with(&self.base)));
        if !self.executable.starts_with(&self.base) {
            folders.push(&self.executable);
        }
        let outside = folders.into_iter().filter(|folder| !folder.starts_with(SYSTEM) && *folder != Path::new("/"));
        outside
            .map(|path| Mount { source: path.to_owned(), target: path.to_owned(), kind: MountKind::Software })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interpreter(base: &str, packages: &[&str]) -> Interpreter {
        Interpreter {
            executable: Path::new(base).join("bin/python3"),
            version: "3.11.7".to_owned(),
            minor: 11,
            base: base.into(),
            packages: packages.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn only_what_is_outside_of_the_system_is_mounted() {
        assert_eq!(interpreter("/usr", &["/usr/lib/python3/dist-packages"]).mounts(), []);
        let own = interpreter("/opt/python", &["/opt/python/lib/site-packages", "/home/x/venv/lib/site-packages"]);
        let targets: Vec<_> = own.mounts().into_iter().map(|mount| mount.target).collect();
        assert_eq!(targets, [Path::new("/opt/python"), Path::new("/home/x/venv/lib/site-packages")]);
    }

    #[test]
    fn what_is_no_interpreter_is_refused_by_name() {
        for name in ["/nowhere/python3", "/bin/true", "/bin/false"] {
            let error = Interpreter::find(Path::new(name)).expect_err("refused").to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
