//! What to do when the kernel refuses: the settings that are known to forbid namespaces, looked up on this machine.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A reason for a refusal and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The kernel setting that forbids it, where one does.
    pub sysctl: Option<String>,
    /// What was found.
    pub finding: String,
    /// What the person in charge of the machine can do.
    pub remedy: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.finding, self.remedy)
    }
}

/// A setting under `/proc/sys`, the value that forbids namespaces, and one that allows them.
struct Setting {
    name: &'static str,
    forbids: &'static str,
    allows: &'static str,
}

const SETTINGS: [Setting; 3] = [
    Setting { name: "kernel.unprivileged_userns_clone", forbids: "0", allows: "1" },
    Setting { name: "user.max_user_namespaces", forbids: "0", allows: "15000" },
    Setting { name: "kernel.apparmor_restrict_unprivileged_userns", forbids: "1", allows: "0" },
];

/// What stands in the way on this machine.
pub(crate) fn here() -> Vec<Advice> {
    from(Path::new("/proc/sys"))
}

fn from(proc_sys: &Path) -> Vec<Advice> {
    let found: Vec<Advice> = SETTINGS.iter().filter_map(|setting| setting.check(proc_sys)).collect();
    if found.is_empty() { vec![unknown()] } else { found }
}

impl Setting {
    fn check(&self, proc_sys: &Path) -> Option<Advice> {
        let value = fs::read_to_string(proc_sys.join(self.name.replace('.', "/"))).ok()?;
        (value.trim() == self.forbids).then(|| Advice {
            sysctl: Some(self.name.to_owned()),
            finding: format!("{} is {}", self.name, self.forbids),
            remedy: format!("run `sudo sysctl -w {}={}`, or use `--sandbox none`", self.name, self.allows),
        })
    }
}

fn unknown() -> Advice {
    Advice {
        sysctl: None,
        finding: "no kernel setting forbids it, so a container or a security module around this process does"
            .to_owned(),
        remedy:
            "start the container with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, run \
                 outside of it on Linux 5.12 or newer, or use `--sandbox none`"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, value) in values {
            let path = folder.path().join(name.replace('.', "/"));
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, value).expect("a file");
        }
        folder
    }

    #[test]
    fn each_forbidding_setting_is_named_with_its_command() {
        let folder = settings(&[
            ("kernel.unprivileged_userns_clone", "0\n"),
            ("user.max_user_namespaces", "0\n"),
            ("kernel.apparmor_restrict_unprivileged_userns", "1\n"),
        ]);
        let advice = from(folder.path());
        let names: Vec<_> = advice.iter().filter_map(|advice| advice.sysctl.as_deref()).collect();
        assert_eq!(
            names,
            [
                "kernel.unprivileged_userns_clone",
                "user.max_user_namespaces",
                "kernel.apparmor_restrict_unprivileged_userns"
            ]
        );
        assert!(advice[2].remedy.contains("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));
    }

    #[test]
    fn allowing_settings_point_to_a_container_instead() {
        let folder = settings(&[("kernel.unprivileged_userns_clone", "1\n"), ("user.max_user_namespaces", "96365\n")]);
        let advice = from(folder.path());
        assert_eq!(advice.len(), 1);
        assert_eq!(advice[0].sysctl, None);
    }
}
