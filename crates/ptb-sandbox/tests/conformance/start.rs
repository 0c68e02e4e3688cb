//! Starting: errors that say what is wrong, and a supervisor that is killed at any moment.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ptb_sandbox::{Mount, MountKind, Probe, SandboxError, probe};

use crate::trial::{Trial, eventually, marker, processes_with};

/// Set for the helper processes that tests start from this same binary.
const MARKER: &str = "PTB_SANDBOX_TEST_MARKER";

fn helper(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", &format!("start::{test}"), "--ignored", "--nocapture"]);
    command
}

#[test]
fn a_missing_program_is_named() {
    needs_sandboxes!();
    let mut trial = Trial::new("");
    trial.spec.program = "/usr/bin/no-such-program".into();
    let error = trial.spawn().expect_err("it cannot start");
    assert!(matches!(error, SandboxError::Start { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("/usr/bin/no-such-program") && text.contains("No such file"), "{text}");
}

#[test]
fn a_missing_folder_is_named() {
    needs_sandboxes!();
    let mut trial = Trial::new("");
    trial.spec.cwd = "/nowhere".into();
    let text = trial.spawn().expect_err("it cannot start").to_string();
    assert!(text.contains("/nowhere") && text.contains("enter its folder"), "{text}");
}

#[test]
fn a_missing_mount_source_is_named() {
    let mut trial = Trial::new("");
    trial.spec.mounts.push(Mount {
        source: "/no/such/cache".into(),
        target: "/cache".into(),
        kind: MountKind::ReadOnly,
    });
    let text = trial.spawn().expect_err("it cannot start").to_string();
    assert!(text.contains("/no/such/cache"), "{text}");
}

#[test]
fn a_mount_point_that_cannot_be_made_is_named() {
    needs_sandboxes!();
    let mut trial = Trial::new("");
    trial.mount("cache", "/usr/no-such-folder/cache", MountKind::ReadOnly);
    let text = trial.spawn().expect_err("it cannot start").to_string();
    assert!(text.contains("/usr/no-such-folder") && text.contains("Read-only"), "{text}");
}

#[test]
fn a_zero_byte_is_an_error_and_not_a_cut() {
    let mut trial = Trial::new("");
    trial.spec.args.push("a\0b".into());
    assert!(matches!(trial.spawn(), Err(SandboxError::Spec { .. })));
    let mut trial = Trial::new("");
    trial.spec.env.insert("A=B".into(), "c".into());
    assert!(matches!(trial.spawn(), Err(SandboxError::Spec { .. })));
}

#[test]
fn the_probe_says_what_is_enforced() {
    match probe() {
        Probe::Work { protection, took } => {
            assert!(
                protection.ends_with_kernel_help && protection.no_new_privileges && protection.capabilities_dropped
            );
            assert!(took < Duration::from_secs(5));
            let text = serde_json::to_string(&protection).expect("written");
            assert_eq!(serde_json::from_str::<ptb_sandbox::EffectiveProtection>(&text).expect("read"), *protection);
        }
        Probe::Refused { error, advice } => {
            assert!(!advice.is_empty(), "an error without a way out: {error}");
            crate::trial::skipped(&error);
        }
    }
}

#[test]
fn a_kernel_that_forbids_it_is_named_with_the_way_out() {
    needs_sandboxes!();
    let binary = std::env::current_exe().expect("this binary");
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec {} --exact start::helper_probes --ignored --nocapture",
        binary.display()
    );
    let output = Command::new("unshare").args(["-Ur", "sh", "-c", &script]).output().expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("user.max_user_namespaces is 0"), "{text} {}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("sudo sysctl -w user.max_user_namespaces=15000"), "{text}");
}

#[test]
#[ignore = "a helper of another test"]
#[expect(clippy::print_stdout, reason = "the other test reads it")]
fn helper_probes() {
    println!("{:?}", probe());
}

#[test]
fn nothing_survives_a_supervisor_that_is_killed_at_any_moment() {
    needs_sandboxes!();
    kill_supervisors("helper_runs_a_long_sandbox", 60);
}

#[test]
fn nothing_survives_a_killed_supervisor_without_isolation_either() {
    kill_supervisors("helper_runs_without_isolation", 20);
}

/// Kills helpers at moments that are spread over twice the time a start takes, by steps that share no rhythm with it.
fn kill_supervisors(name: &str, rounds: u64) {
    // Killed helpers cannot remove their folders.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = || {
        let text = marker();
        let mut command = helper(name);
        command.arg(&text).env(MARKER, &text).env("TMPDIR", folder.path());
        (command.stdout(Stdio::null()).spawn().expect("it starts"), text)
    };
    let runs = |text: &str| !processes_with(&format!("sleep {text}")).is_empty();
    let end = |mut child: Child, text: &str| {
        child.kill().expect("killed");
        child.wait().expect("reaped");
        eventually("the end of the sandbox", || processes_with(text).is_empty());
    };
    let begin = Instant::now();
    let (child, text) = start();
    eventually("the start of the program", || runs(&text));
    let start_time = begin.elapsed();
    end(child, &text);
    let mut reached_inside = 0;
    for round in 0..rounds {
        let (child, text) = start();
        thread::sleep(start_time.mul_f64((round * 7_919 % 1_000) as f64 / 500.0));
        reached_inside += u64::from(runs(&text));
        end(child, &text);
    }
    assert!(reached_inside > 0 && reached_inside < rounds, "{reached_inside} of {rounds} rounds reached the program");
}

fn long_trial() -> Trial {
    let text = std::env::var(MARKER).expect("the marker");
    Trial::new(&format!("trap '' TERM; (setsid sleep {text} &); sleep {text}; :"))
}

#[test]
#[ignore = "a helper of another test"]
fn helper_runs_a_long_sandbox() {
    long_trial().spawn().unwrap_or_else(|error| panic!("{error}")).wait();
}

#[test]
#[ignore = "a helper of another test"]
fn helper_runs_without_isolation() {
    let mut trial = long_trial();
    trial.spec.isolation = ptb_sandbox::Isolation::None;
    trial.spec.cwd = "/".into();
    trial.spawn().unwrap_or_else(|error| panic!("{error}")).wait();
}

#[test]
fn a_first_process_that_is_killed_from_outside_is_reported_as_lost() {
    needs_sandboxes!();
    let text = marker();
    let running = Trial::new(&format!("sleep {text}")).spawn().unwrap_or_else(|error| panic!("{error}"));
    let pid = rustix::process::Pid::from_raw(running.pid()).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    assert_eq!(running.wait().reason, ptb_sandbox::ExitReason::Lost);
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn many_sandboxes_at_the_same_time_do_not_disturb_each_other() {
    needs_sandboxes!();
    let threads: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                let outcome = crate::trial::run(&format!("echo {number}; exit {number}"));
                assert_eq!(outcome.stdout, format!("{number}\n"));
                assert_eq!(outcome.exit.reason, ptb_sandbox::ExitReason::Exited { code: number });
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("as expected");
    }
}
