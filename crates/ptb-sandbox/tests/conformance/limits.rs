//! Limits on memory, processes and files.

use std::time::{Duration, Instant};

use ptb_sandbox::{Enforcement, ExitReason};

use crate::trial::{Trial, finish, marker, processes_with};

const MIB: u64 = 1024 * 1024;

/// Writes a line without end; who reads it has to keep it.
const ENDLESS: &str = "mkfifo line; cat /dev/zero > line &";

#[test]
fn too_much_memory_ends_the_program_and_is_the_reason() {
    needs_sandboxes!();
    let mut trial = Trial::new(&format!("{ENDLESS} exec tail -n 1 < line"));
    trial.spec.limits.memory_bytes = Some(64 * MIB);
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    let by = running.protection.memory.by;
    let exit = finish(running).exit;
    assert_eq!(exit.reason, ExitReason::OutOfMemory, "{by:?}");
    match by {
        Enforcement::ControlGroup => {
            assert!(exit.usage.memory_kills >= 1 && exit.usage.peak_memory_bytes <= Some(64 * MIB));
        }
        other => assert_eq!(other, Enforcement::Watchdog),
    }
}

#[test]
fn a_killed_child_is_counted_but_is_not_the_programs_end() {
    needs_sandboxes!();
    let mut trial = Trial::new(&format!("{ENDLESS} tail -n 1 < line; exit 12"));
    trial.spec.limits.memory_bytes = Some(64 * MIB);
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    if running.protection.memory.by != Enforcement::ControlGroup {
        crate::trial::skipped("control groups cannot be used by this user");
        return;
    }
    let exit = finish(running).exit;
    assert_eq!(exit.reason, ExitReason::Exited { code: 12 });
    assert_eq!(exit.usage.memory_kills, 1);
}

#[test]
fn memory_below_the_limit_is_left_alone_and_measured() {
    needs_sandboxes!();
    let mut trial = Trial::new("head -c 30000000 /dev/zero | tail -c 30000000 | wc -c; sleep 0.5");
    trial.spec.limits.memory_bytes = Some(512 * MIB);
    let outcome = trial.run();
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 0 });
    assert!(outcome.exit.usage.peak_memory_bytes.is_some_and(|bytes| bytes > 0 && bytes < 512 * MIB));
}

#[test]
fn a_fork_bomb_ends_at_the_deadline_and_nothing_is_left() {
    needs_sandboxes!();
    let text = marker();
    let mut trial = Trial::new(&format!(
        "trap '' TERM; bomb() {{ bomb & bomb & sleep {text}; }}; bomb 2>/dev/null & exec sleep {text}"
    ));
    trial.spec.limits.processes = Some(60);
    trial.spec.deadline = Some(Duration::from_secs(1));
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(running.protection.processes.by, Enforcement::ControlGroup | Enforcement::ResourceLimit));
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    let answers = std::process::Command::new("true").status().expect("the host still starts programs");
    assert!(answers.success() && start.elapsed() < Duration::from_secs(1));
    assert!(processes_with(&text).len() <= 60);
    let exit = finish(running).exit;
    assert_eq!(exit.reason, ExitReason::DeadlineKilled);
    assert!(exit.wall < Duration::from_secs(5), "{:?}", exit.wall);
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn two_sandboxes_do_not_share_a_process_limit() {
    needs_sandboxes!();
    let start = || {
        let mut trial = Trial::new("for i in 1 2 3 4 5 6 7 8; do sleep 0.4 & done; wait; echo all");
        trial.spec.limits.processes = Some(12);
        trial.spawn().unwrap_or_else(|error| panic!("{error}"))
    };
    let (one, two) = (start(), start());
    assert_eq!(finish(one).stdout, "all\n");
    assert_eq!(finish(two).stdout, "all\n");
}

#[test]
fn a_file_cannot_grow_beyond_the_limit() {
    needs_sandboxes!();
    let mut trial = Trial::new("head -c 3000000 /dev/zero > big; stat -c %s big");
    trial.spec.limits.file_size_bytes = Some(MIB);
    let outcome = trial.run();
    assert_eq!(outcome.stdout, format!("{MIB}\n"));
}

#[test]
fn control_groups_are_removed_with_their_sandbox() {
    needs_sandboxes!();
    let mut trial = Trial::new("cat /proc/self/cgroup");
    trial.spec.limits.memory_bytes = Some(512 * MIB);
    trial.spec.limits.processes = Some(50);
    let outcome = trial.run();
    assert!(!outcome.stdout.contains("ptb-"), "the group is the top of what can be seen: {}", outcome.stdout);
    let left =
        std::process::Command::new("find").args(["/sys/fs/cgroup", "-name", "ptb-*"]).output().expect("find runs");
    let own = format!("/ptb-{}-", std::process::id());
    let listing = String::from_utf8_lossy(&left.stdout).into_owned();
    // Other tests of this process may be running; what they hold goes away too.
    for folder in listing.lines().filter(|line| line.contains(&own)) {
        crate::trial::eventually("removal of a group", || !std::path::Path::new(folder).exists());
    }
}
