//! The file system inside: what is there, where it comes from, and in which order it is put together.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::fs;
use std::path::{Component, Path, PathBuf};

use rustix::mount::MountFlags;

use crate::error::SandboxError;
use crate::plan::{text, unusable};
use crate::scratch;
use crate::spec::{Mount, MountKind, Network, SandboxSpec};
use crate::step::{Restrict, Step};
use crate::user::{INSIDE, OutsideUser};

/// Folders of the system that are visible inside, read-only. Links among them stay links.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/sys/devices/system"];

/// What programs need of `/etc`; everything else there may tell about the host or hold secrets.
const CONFIGURATION: [&str; 28] = [
    "OpenCL",
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "fonts",
    "gai.conf",
    "host.conf",
    "hosts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "perl",
    "pki",
    "profile",
    "protocols",
    "python3",
    "python3.11",
    "resolv.conf",
    "services",
    "ssl",
];

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Parts of `/proc` that steer the kernel.
const COVERED: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];

const ACCOUNTS: &[u8] = b"root:x:0:0:root:/root:/usr/sbin/nologin\n\
    agent:x:1000:1000:agent:/home/agent:/bin/sh\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUPS: &[u8] = b"root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n";

/// The steps that make the box.
#[derive(Default)]
pub(crate) struct Layout {
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: usize,
}

/// The steps for a specification.
pub(crate) fn steps(spec: &SandboxSpec, user: OutsideUser) -> Result<Layout, SandboxError> {
    check(spec)?;
    let mut builder = Builder { spec, user, takes: Vec::new(), builds: Vec::new(), made: BTreeSet::new() };
    builder.system()?;
    builder.configuration()?;
    builder.kernel_views()?;
    builder.private_folders()?;
    for (index, mount) in spec.mounts.iter().enumerate() {
        builder.mount(index, mount)?;
    }
    Ok(builder.finish())
}

fn check(spec: &SandboxSpec) -> Result<(), SandboxError> {
    let inside =
        [&spec.program, &spec.cwd, &spec.home].into_iter().chain(spec.mounts.iter().map(|mount| &mount.target));
    for path in inside {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !path.is_absolute() || !plain {
            let reason = format!("{} is not an absolute path without `..`", path.display());
            return Err(unusable(spec, reason));
        }
    }
    Ok(())
}

struct Builder<'a> {
    spec: &'a SandboxSpec,
    user: OutsideUser,
    /// Steps that need the host's files.
    takes: Vec<Step>,
    /// Steps in the new root.
    builds: Vec<Step>,
    /// Folders that are there already.
    made: BTreeSet<PathBuf>,
}

impl Builder<'_> {
    fn system(&mut self) -> Result<(), SandboxError> {
        for path in SYSTEM.map(Path::new) {
            let Ok(found) = fs::symlink_metadata(path) else { continue };
            if found.is_symlink() {
                let target = fs::read_link(path).map_err(SandboxError::host("read the link", path))?;
                self.link(path, &target)?;
            } else {
                self.bind(path, path, Restrict::READING)?;
            }
        }
        Ok(())
    }

    fn configuration(&mut self) -> Result<(), SandboxError> {
        self.folder(Path::new("/etc"), 0o755, None)?;
        for name in CONFIGURATION {
            let path = Path::new("/etc").join(name);
            if path.exists() {
                self.bind(&path, &path, Restrict::READING)?;
            }
        }
        for (path, text) in [("/etc/passwd", ACCOUNTS), ("/etc/group", GROUPS)] {
            let path = self.text(path.as_ref())?;
            self.builds.push(Step::Text { path, text });
        }
        Ok(())
    }

    fn kernel_views(&mut self) -> Result<(), SandboxError> {
        for path in COVERED {
            let path = self.text(path.as_ref())?;
            self.builds.push(Step::Cover { path });
        }
        self.folder(Path::new("/dev"), 0o755, None)?;
        for path in DEVICES.map(|name| Path::new("/dev").join(name)) {
            self.bind(&path, &path, Restrict::DEVICE)?;
        }
        for (name, target) in [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1")] {
            self.link(&Path::new("/dev").join(name), Path::new(target))?;
        }
        self.link(Path::new("/dev/stderr"), Path::new("/proc/self/fd/2"))?;
        self.folder(Path::new("/dev/pts"), 0o755, None)?;
        self.filesystem(
            c"devpts",
            "/dev/pts",
            MountFlags::NOSUID | MountFlags::NOEXEC,
            "newinstance,ptmxmode=0666,mode=0620",
        )?;
        self.link(Path::new("/dev/ptmx"), Path::new("pts/ptmx"))
    }

    fn private_folders(&mut self) -> Result<(), SandboxError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        for path in ["/dev/shm", "/tmp"] {
            self.folder(Path::new(path), 0o755, None)?;
            let options = format!("mode=1777{}", self.size());
            self.filesystem(c"tmpfs", path, flags, &options)?;
        }
        for path in ["/run", "/var"] {
            self.folder(Path::new(path), 0o755, None)?;
        }
        self.link(Path::new("/var/tmp"), Path::new("/tmp"))?;
        let home = self.spec.home.clone();
        self.folders_to(&home)?;
        self.folder(&home, 0o755, None)?;
        let owner = self.user.new_owner().map(|id| format!(",uid={id},gid={id}")).unwrap_or_default();
        self.filesystem(c"tmpfs", &home, flags, &format!("mode=0700{owner}{}", self.size()))
    }

    /// No folder in memory may hold more than the memory limit, for hosts where no control group counts it.
    fn size(&self) -> String {
        self.spec.limits.memory_bytes.map(|bytes| format!(",size={bytes}")).unwrap_or_default()
    }

    fn mount(&mut self, index: usize, mount: &Mount) -> Result<(), SandboxError> {
        match mount.kind {
            MountKind::ReadOnly | MountKind::Software => self.bind(&mount.source, &mount.target, Restrict::READING),
            MountKind::Writable => self.bind(&mount.source, &mount.target, Restrict::WRITING),
            MountKind::Device => self.bind(&mount.source, &mount.target, Restrict::DEVICE),
            MountKind::Overlay => self.overlay(index, mount),
        }
    }

    fn bind(&mut self, source: &Path, target: &Path, restrict: Restrict) -> Result<(), SandboxError> {
        let found = fs::metadata(source).map_err(SandboxError::host("read", source))?;
        let slot = self.take(source, restrict)?;
        self.folders_to(target)?;
        if found.is_dir() {
            self.folder(target, 0o755, None)?;
        } else {
            let path = self.text(target.as_os_str())?;
            self.builds.push(Step::MountPoint { path });
        }
        let target = self.text(target.as_os_str())?;
        self.builds.push(Step::Attach { slot, target });
        Ok(())
    }

    fn overlay(&mut self, index: usize, mount: &Mount) -> Result<(), SandboxError> {
        let layers = scratch::layers(&self.spec.scratch, index);
        let lower = self.take(&mount.source, Restrict::READING)?;
        let layers = self.take(&layers, Restrict::WRITING)?;
        self.folders_to(&mount.target)?;
        self.folder(&mount.target, 0o755, None)?;
        let unprivileged = if matches!(self.user, OutsideUser::Own { .. }) { ",userxattr" } else { "" };
        let options = format!(
            "lowerdir=/.layers/lower,upperdir=/.layers/private/upper,workdir=/.layers/private/work{unprivileged}"
        );
        let target = self.text(mount.target.as_os_str())?;
        let options = self.text(options.as_ref())?;
        self.builds.push(Step::Overlay { lower, layers, target, options });
        Ok(())
    }

    fn take(&mut self, source: &Path, restrict: Restrict) -> Result<usize, SandboxError> {
        let slot = self.takes.len();
        let source = self.text(source.as_os_str())?;
        self.takes.push(Step::Take { slot, source, restrict });
        Ok(slot)
    }

    /// Makes the folders above a path. Those in the home folder belong to the user inside.
    fn folders_to(&mut self, path: &Path) -> Result<(), SandboxError> {
        let mut above: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
        above.pop();
        for folder in above.iter().rev() {
            let owner = folder.starts_with(&self.spec.home).then(|| self.user.new_owner()).flatten();
            self.folder(folder, 0o755, owner)?;
        }
        Ok(())
    }

    fn folder(&mut self, path: &Path, mode: u32, owner: Option<u32>) -> Result<(), SandboxError> {
        if self.made.insert(path.to_owned()) {
            let path = self.text(path.as_os_str())?;
            self.builds.push(Step::Folder { path, mode, owner });
        }
        Ok(())
    }

    fn link(&mut self, path: &Path, target: &Path) -> Result<(), SandboxError> {
        let (path, target) = (self.text(path.as_os_str())?, self.text(target.as_os_str())?);
        self.builds.push(Step::Link { path, target });
        Ok(())
    }

    fn filesystem(
        &mut self,
        kind: &'static std::ffi::CStr,
        target: impl AsRef<OsStr>,
        flags: MountFlags,
        options: &str,
    ) -> Result<(), SandboxError> {
        let (target, options) = (self.text(target.as_ref())?, self.text(options.as_ref())?);
        self.builds.push(Step::Filesystem { kind, target, flags, options });
        Ok(())
    }

    fn text(&self, string: &OsStr) -> Result<CString, SandboxError> {
        text(self.spec, string)
    }

    /// An ordinary user needs the user namespace first, to be allowed the rest. Root leaves it for last, so that nothing
    /// inside owns the other namespaces.
    fn finish(self) -> Layout {
        let map = |outside: u32| CString::new(format!("{INSIDE} {outside} 1")).unwrap_or_default();
        let (first, last) = match self.user {
            OutsideUser::Own { uid, gid } => (vec![Step::MapUser { uid_map: map(uid), gid_map: map(gid) }], Vec::new()),
            OutsideUser::Dropped { id } => {
                let maps = Step::MapUser { uid_map: map(id), gid_map: map(id) };
                (Vec::new(), vec![Step::BecomeUser { id }, Step::NewUserNamespace, maps])
            }
        };
        let slots = self.takes.len();
        let mut steps = first;
        steps.push(Step::PrivateMounts);
        steps.extend(self.takes);
        steps.push(Step::NewRoot);
        steps.extend(own_processes());
        steps.push(Step::EnterRoot);
        steps.extend(self.builds);
        steps.extend([Step::SealRoot, Step::HostName]);
        if self.spec.network == Network::None {
            steps.push(Step::Loopback);
        }
        steps.extend(last);
        Layout { steps, slots }
    }
}

/// The kernel lets an ordinary user mount `/proc` only while it can still see the host's.
fn own_processes() -> [Step; 2] {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    [
        Step::Folder { path: c"proc".to_owned(), mode: 0o555, owner: None },
        Step::Filesystem { kind: c"proc", target: c"proc".to_owned(), flags, options: CString::default() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> usize {
        steps.iter().position(wanted).expect("the step is there")
    }

    #[test]
    fn root_gives_up_its_user_after_everything_else() {
        let spec = SandboxSpec::new("/bin/true", "/nowhere");
        let layout = steps(&spec, OutsideUser::Dropped { id: 5 }).expect("a layout");
        let seal = position(&layout.steps, |step| *step == Step::SealRoot);
        let user = position(&layout.steps, |step| matches!(step, Step::BecomeUser { id: 5 }));
        assert!(seal < user);
        assert!(
            matches!(layout.steps.last(), Some(Step::MapUser { uid_map, .. }) if uid_map.as_bytes() == b"1000 5 1")
        );
    }

    #[test]
    fn an_ordinary_user_is_mapped_before_anything_else() {
        let spec = SandboxSpec::new("/bin/true", "/nowhere");
        let layout = steps(&spec, OutsideUser::Own { uid: 7, gid: 8 }).expect("a layout");
        assert!(
            matches!(layout.steps.first(), Some(Step::MapUser { gid_map, .. }) if gid_map.as_bytes() == b"1000 8 1")
        );
    }

    #[test]
    fn the_host_is_read_before_the_root_changes() {
        let spec = SandboxSpec::new("/bin/true", "/nowhere");
        let layout = steps(&spec, OutsideUser::Own { uid: 7, gid: 8 }).expect("a layout");
        let root = position(&layout.steps, |step| *step == Step::NewRoot);
        assert!(layout.steps.iter().skip(root).all(|step| !matches!(step, Step::Take { .. })));
    }

    #[test]
    fn a_target_that_climbs_out_is_refused() {
        let mut spec = SandboxSpec::new("/bin/true", "/nowhere");
        spec.mounts.push(Mount { source: "/usr".into(), target: "/a/../../b".into(), kind: MountKind::ReadOnly });
        assert!(matches!(steps(&spec, OutsideUser::Own { uid: 7, gid: 8 }), Err(SandboxError::Spec { .. })));
    }
}
