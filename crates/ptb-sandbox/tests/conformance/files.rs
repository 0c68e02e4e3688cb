//! Which files there are inside.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use ptb_sandbox::{ExitReason, MountKind};

use crate::trial::{Trial, is_root, output, read, run};

#[test]
fn the_hosts_folders_are_not_there() {
    needs_sandboxes!();
    let listing = output("ls / && ls -A /home /run /var /tmp /root 2>&1 || true");
    let trial = Trial::new("");
    let host_folder = trial.folder.path().display().to_string();
    assert!(!listing.contains("work\n"), "{listing}");
    assert!(listing.contains("agent"));
    assert!(listing.contains("/root"), "there is no /root: {listing}");
    let tried = output(&format!("cat {host_folder}/* /etc/shadow 2>&1 || true; ls /tmp"));
    assert!(tried.contains("No such file"), "{tried}");
    assert!(!tried.contains("root:"), "{tried}");
}

#[test]
fn a_secret_of_the_host_cannot_be_read_on_any_way() {
    needs_sandboxes!();
    let trial = Trial::new(
        "find / -xdev -name 'run-secret*' 2>/dev/null; cat /proc/1/environ /proc/1/root/etc/shadow /proc/1/cwd/* 2>&1; \
         ls -l /proc/1/fd 2>&1; cat ../../run-secret-file 2>&1; exit 0",
    );
    fs::write(trial.host("run-secret-file"), "key-4711").expect("a file");
    let outcome = trial.run();
    assert!(!outcome.stdout.contains("key-4711"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("PATH="), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("Permission denied"), "{}", outcome.stdout);
}

#[test]
fn what_is_written_to_the_workspace_stays_and_can_be_read_back() {
    needs_sandboxes!();
    let trial = Trial::new("echo result > out && mkdir -p deep/er && echo more > deep/er/file && cat given");
    fs::write(trial.host("workspace/given"), "input").expect("a file");
    fs::set_permissions(trial.host("workspace/given"), fs::Permissions::from_mode(0o600)).expect("changed");
    let outcome = trial.run();
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 0 }, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "input");
    assert_eq!(read(&trial.host("workspace/out")), "result\n");
    assert_eq!(read(&trial.host("workspace/deep/er/file")), "more\n");
    let owner = fs::metadata(trial.host("workspace/out")).expect("metadata").uid();
    let own = rustix::process::geteuid().as_raw();
    assert!(if is_root() { owner != 0 } else { owner == own }, "owner {owner}");
}

#[test]
fn a_read_only_mount_and_the_system_cannot_be_changed() {
    needs_sandboxes!();
    let mut trial = Trial::new(
        "cat /given/file; for path in /given/file /given/new /usr/new /etc/passwd /etc/new /new /proc/sys/kernel/hostname \
         /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/devices/system/cpu/online; do \
         if (echo x > $path) 2>/dev/null; then echo wrote $path; fi; done",
    );
    trial.mount("given", "/given", MountKind::ReadOnly);
    fs::write(trial.host("given/file"), "unchanged\n").expect("a file");
    fs::set_permissions(trial.host("given"), fs::Permissions::from_mode(0o777)).expect("changed");
    fs::set_permissions(trial.host("given/file"), fs::Permissions::from_mode(0o666)).expect("changed");
    assert_eq!(trial.run().stdout, "unchanged\n");
    assert_eq!(read(&trial.host("given/file")), "unchanged\n");
}

#[test]
fn files_that_only_root_can_read_are_reported() {
    needs_sandboxes!();
    let mut trial = Trial::new("cat /cache/model; cat /cache/token 2>/dev/null || echo refused");
    trial.mount("cache", "/cache", MountKind::ReadOnly);
    for (name, mode) in [("model", 0o644), ("token", 0o600)] {
        fs::write(trial.host("cache").join(name), format!("{name}\n")).expect("a file");
        fs::set_permissions(trial.host("cache").join(name), fs::Permissions::from_mode(mode)).expect("changed");
    }
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    let reported = running.protection.unreadable.clone();
    let stdout = crate::trial::finish(running).stdout;
    if is_root() {
        assert_eq!(stdout, "model\nrefused\n");
        assert_eq!((reported.len(), reported[0].count), (1, 1));
        assert_eq!(reported[0].example, trial.host("cache/token"));
    } else {
        assert_eq!((stdout.as_str(), reported.len()), ("model\ntoken\n", 0));
    }
}

#[test]
fn changes_to_an_overlay_are_seen_inside_and_gone_afterwards() {
    needs_sandboxes!();
    let mut trial = Trial::new(
        "cat /cache/model/weights && echo lock > /cache/model/lock && mkdir /cache/new && rm /cache/model/old && \
         cat /cache/model/lock && ls /cache/model",
    );
    trial.mount("cache/model", "/unused", MountKind::ReadOnly);
    trial.spec.mounts.pop();
    trial.mount("cache", "/cache", MountKind::Overlay);
    fs::write(trial.host("cache/model/weights"), "weights\n").expect("a file");
    fs::write(trial.host("cache/model/old"), "").expect("a file");
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    if let Some(refused) = running.protection.overlays_refused.first() {
        crate::trial::skipped(&refused.reason);
        return;
    }
    let outcome = crate::trial::finish(running);
    assert_eq!(outcome.stdout, "weights\nlock\nlock\nweights\n", "{}", outcome.stderr);
    assert_eq!(outcome.exit.leftovers, Vec::<String>::new());
    assert!(trial.host("cache/model/old").exists() && !trial.host("cache/model/lock").exists());
    assert_eq!(fs::read_dir(trial.host("scratch")).expect("a folder").count(), 0, "the private layer is removed");
}

#[test]
fn an_overlay_that_the_kernel_refuses_is_read_only_and_reported() {
    needs_sandboxes!();
    let mut trial = Trial::new("cat /cache/file; touch /cache/new 2>/dev/null || echo refused");
    trial.mount("cache", "/cache", MountKind::Overlay);
    fs::write(trial.host("cache/file"), "content\n").expect("a file");
    // The kernel takes no private layer that lies in a file system without places for attributes, as this one is.
    trial.spec.scratch = trial.host("scratch-on-overlay");
    let Some(_mounted) = overlay_at(&trial.spec.scratch, trial.folder.path()) else {
        crate::trial::skipped("only root can mount the file system for this test");
        return;
    };
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    let refused = running.protection.overlays_refused.clone();
    assert_eq!(refused.first().map(|overlay| overlay.target.clone()), Some("/cache".into()));
    assert_eq!(crate::trial::finish(running).stdout, "content\nrefused\n");
}

#[test]
fn home_and_tmp_are_private_writable_and_empty() {
    needs_sandboxes!();
    let listing = output(
        "ls -A /tmp /home/agent /dev/shm; for d in /tmp /home/agent /dev/shm /var/tmp; do echo x > $d/f || echo fail $d; done",
    );
    assert_eq!(listing, "/dev/shm:\n\n/home/agent:\n\n/tmp:\n");
    assert!(!std::path::Path::new("/tmp/f").exists());
}

#[test]
fn a_link_out_of_the_workspace_leads_nowhere() {
    needs_sandboxes!();
    let trial = Trial::new("cat link 2>&1");
    fs::write(trial.host("outside"), "key-4711").expect("a file");
    std::os::unix::fs::symlink(trial.host("outside"), trial.host("workspace/link")).expect("a link");
    let outcome = trial.run();
    assert!(outcome.stdout.contains("No such file"), "{}", outcome.stdout);
}

#[test]
fn mounts_in_the_home_folder_belong_to_the_user() {
    needs_sandboxes!();
    let mut trial = Trial::new("touch /home/agent/.cache/own && ls /home/agent/.cache/hub");
    trial.mount("hub", "/home/agent/.cache/hub", MountKind::ReadOnly);
    fs::write(trial.host("hub/model"), "").expect("a file");
    let outcome = trial.run();
    assert_eq!(outcome.stdout, "model\n", "{}", outcome.stderr);
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 0 });
}

#[test]
fn ordinary_tools_work() {
    needs_sandboxes!();
    let made = output(
        "echo a > /dev/null && head -c 3 /dev/urandom | wc -c && whoami && hostname && pwd && ls /proc/self/fd | wc -l",
    );
    assert_eq!(made, "3\nagent\nsandbox\n/workspace\n4\n");
    assert_eq!(run("exec 3<>/dev/ptmx").exit.reason, ExitReason::Exited { code: 0 });
}

/// A mounted overlay, unmounted with this value.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

fn overlay_at(target: &std::path::Path, folder: &std::path::Path) -> Option<Mounted> {
    let options: Vec<String> = [("lowerdir", "l"), ("upperdir", "u"), ("workdir", "w")]
        .map(|(option, name)| {
            fs::create_dir(folder.join(name)).expect("a folder");
            format!("{option}={}", folder.join(name).display())
        })
        .into();
    fs::create_dir(target).expect("a folder");
    let options = std::ffi::CString::new(options.join(",")).expect("a string");
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("overlay", target, "overlay", flags, options.as_c_str()).ok()?;
    Some(Mounted(target.to_owned()))
}
