//! One sandbox with a shell script inside, and its folders on the host.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use ptb_sandbox::{Exit, ExitReason, Mount, MountKind, Probe, Running, SandboxError, SandboxSpec, probe, spawn};
use tempfile::TempDir;

/// A sandbox to be, with a writable `/workspace`.
pub struct Trial {
    pub folder: TempDir,
    pub spec: SandboxSpec,
}

/// What a script did.
#[derive(Debug)]
pub struct Outcome {
    pub exit: Exit,
    pub stdout: String,
    pub stderr: String,
}

impl Trial {
    pub fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["workspace", "scratch"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let mut spec = SandboxSpec::new("/bin/sh", folder.path().join("scratch"));
        spec.args = vec!["-c".into(), script.into()];
        spec.cwd = "/workspace".into();
        spec.deadline = Some(Duration::from_secs(30));
        spec.grace = Duration::from_millis(500);
        spec.env.insert("PATH".into(), "/usr/bin:/bin".into());
        let mut trial = Self { folder, spec };
        trial.mount("workspace", "/workspace", MountKind::Writable);
        trial
    }

    pub fn host(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Mounts a folder of this trial, which is made if need be.
    pub fn mount(&mut self, name: &str, target: &str, kind: MountKind) {
        let source = self.host(name);
        fs::create_dir_all(&source).expect("a folder");
        self.spec.mounts.push(Mount { source, target: PathBuf::from(target), kind });
    }

    pub fn spawn(&self) -> Result<Running, SandboxError> {
        spawn(&self.spec)
    }

    pub fn run(&self) -> Outcome {
        finish(self.spawn().unwrap_or_else(|error| panic!("{error}")))
    }
}

/// Reads both outputs until the end.
pub fn finish(running: Running) -> Outcome {
    let (waiter, stdout, stderr) = running.into_parts();
    let errors = thread::spawn(move || text(stderr));
    let stdout = text(stdout);
    let exit = waiter.wait();
    Outcome { exit, stdout, stderr: errors.join().expect("read") }
}

fn text(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a script in a new sandbox.
pub fn run(script: &str) -> Outcome {
    Trial::new(script).run()
}

/// Runs a script that is expected to succeed, and gives its output.
pub fn output(script: &str) -> String {
    let outcome = run(script);
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 0 }, "{}", outcome.stderr);
    outcome.stdout
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says why a test could not be made here.
#[expect(clippy::print_stderr, reason = "says why nothing was tested")]
pub fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Whether the kernel lets this user make sandboxes; if not, says why.
pub fn sandboxes_work() -> bool {
    static REFUSAL: OnceLock<Option<String>> = OnceLock::new();
    let refusal = REFUSAL.get_or_init(|| match probe() {
        Probe::Work { .. } => None,
        Probe::Refused { error, .. } if namespaces_work() => panic!("the kernel allows namespaces, and yet: {error}"),
        Probe::Refused { error, .. } => Some(error),
    });
    refusal.as_deref().map(skipped).is_none()
}

/// What another program finds, so that a broken sandbox is not taken for a refusing kernel.
fn namespaces_work() -> bool {
    let mut command = std::process::Command::new("unshare");
    command.args(["-Urmpiuf", "--mount-proc", "true"]).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A number that no other process has on its command line.
pub fn marker() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("8{:07}.{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Processes of this machine with a text on their command line.
pub fn processes_with(text: &str) -> Vec<String> {
    let found = fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(text).then(|| format!("{}: {line}", entry.file_name().display()))
    });
    found.collect()
}

/// Waits until a condition holds.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not happen within 5 seconds");
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A process outside of all sandboxes, ended with this value.
pub struct Bystander(std::process::Child);

impl Bystander {
    pub fn new(seconds: &str) -> Self {
        let mut command = std::process::Command::new("sleep");
        Self(command.arg(seconds).stdout(std::process::Stdio::null()).spawn().expect("sleep starts"))
    }

    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().expect("asked").is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
