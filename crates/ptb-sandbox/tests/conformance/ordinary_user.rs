//! Everything once more as an ordinary user, when root runs the tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::trial::is_root;

/// A user without any rights, as a number and by name.
const USER: &str = "65534";

#[test]
fn the_whole_suite_holds_for_an_ordinary_user_too() {
    if !is_root() {
        crate::trial::skipped("the tests run as an ordinary user already");
        return;
    }
    let folder = tempfile::Builder::new().prefix("ptb-user-").tempdir_in("/tmp").expect("a temporary folder");
    let binary = folder.path().join("suite");
    fs::copy(std::env::current_exe().expect("this binary"), &binary).expect("a copy that the user can reach");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("changed");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("changed");
    let as_user = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
        command.current_dir(folder.path()).env("TMPDIR", folder.path());
        command
    };
    if !as_user().args(["unshare", "-Urm", "true"]).status().is_ok_and(|status| status.success()) {
        crate::trial::skipped("this kernel refuses user namespaces to ordinary users");
        return;
    }
    let output = as_user().arg(&binary).args(["--skip", "ordinary_user"]).output().expect("the suite runs");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
