//! How sandboxes end: exact reasons, and nothing left.

use std::thread;
use std::time::{Duration, Instant};

use ptb_sandbox::{Exit, ExitReason};

use crate::trial::{Bystander, Trial, eventually, finish, marker, processes_with, run};

fn reason(script: &str) -> ExitReason {
    run(script).exit.reason
}

#[test]
fn exit_codes_and_signals_are_exact() {
    needs_sandboxes!();
    assert_eq!(reason("exit 0"), ExitReason::Exited { code: 0 });
    assert_eq!(reason("exit 213"), ExitReason::Exited { code: 213 });
    assert_eq!(reason("kill -SEGV $$"), ExitReason::Signaled { signal: 11 });
    assert_eq!(reason("kill -KILL $$"), ExitReason::Signaled { signal: 9 });
    assert_eq!(reason("kill -TERM $$"), ExitReason::Signaled { signal: 15 });
}

#[test]
fn at_the_deadline_a_polite_program_ends_within_the_grace_period() {
    needs_sandboxes!();
    let mut trial = Trial::new("trap 'echo saved; exit 0' TERM; while :; do sleep 0.05; done");
    trial.spec.deadline = Some(Duration::from_secs(1));
    trial.spec.grace = Duration::from_secs(20);
    let outcome = trial.run();
    assert_eq!(outcome.exit.reason, ExitReason::DeadlineTerm);
    assert_eq!(outcome.stdout, "saved\n");
    assert!(outcome.exit.wall < Duration::from_secs(5), "{:?}", outcome.exit.wall);
}

#[test]
fn after_the_grace_period_everything_is_gone_however_it_hides() {
    needs_sandboxes!();
    let text = marker();
    let mut trial = Trial::new(&format!(
        "trap '' TERM; \
         (setsid sh -c 'trap \"\" TERM; sleep {text} & sleep {text}; :' &) & \
         (sh -c 'trap \"\" TERM; (sh -c \"sleep {text}; :\" &) ; exit 0' &) ; \
         setsid nohup sleep {text} >/dev/null 2>&1 & \
         sh -c 'kill -STOP $$; sleep {text}' & \
         while :; do sleep {text}; done"
    ));
    trial.spec.deadline = Some(Duration::from_secs(2));
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    eventually("the start of the processes", || processes_with(&text).len() >= 4);
    let exit = finish(running).exit;
    assert_eq!(exit.reason, ExitReason::DeadlineKilled);
    assert!(exit.wall >= Duration::from_millis(2500) && exit.wall < Duration::from_secs(8), "{:?}", exit.wall);
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn the_grace_period_is_also_for_children_that_outlive_the_program() {
    needs_sandboxes!();
    let mut trial = Trial::new(
        "trap 'exit 0' TERM; sh -c 'trap \"sleep 0.3; echo saved; exit 0\" TERM; while :; do sleep 0.05; done' & \
         while :; do sleep 0.05; done",
    );
    trial.spec.deadline = Some(Duration::from_secs(1));
    trial.spec.grace = Duration::from_secs(20);
    let outcome = trial.run();
    assert_eq!(outcome.exit.reason, ExitReason::DeadlineTerm);
    assert_eq!(outcome.stdout, "saved\n");
}

#[test]
fn detached_children_end_with_the_program() {
    needs_sandboxes!();
    let text = marker();
    let outcome =
        run(&format!("setsid nohup sleep {text} >/dev/null 2>&1 & (setsid sleep {text} &) ; sleep 0.1; exit 4"));
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 4 });
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn a_program_that_kills_every_process_it_sees_hurts_only_itself() {
    needs_sandboxes!();
    let bystander = Trial::new("sleep 1; exit 5").spawn().unwrap_or_else(|error| panic!("{error}"));
    let mut host = Bystander::new("30");
    let outcome = run("sleep 77 & kill -9 -1; for p in /proc/[0-9]*; do kill -9 ${p#/proc/}; done; exit 6");
    assert!(matches!(outcome.exit.reason, ExitReason::Signaled { signal: 9 }), "{:?}", outcome.exit);
    assert_eq!(reason("sleep 77 & kill -9 -1; kill -9 1; exit 6"), ExitReason::Exited { code: 6 });
    assert_eq!(finish(bystander).exit.reason, ExitReason::Exited { code: 5 });
    assert!(host.is_alive(), "a process of the host was killed");
}

#[test]
fn zombies_are_reaped() {
    needs_sandboxes!();
    let outcome = run(
        "i=0; while [ $i -lt 30 ]; do (sh -c 'exit 0' &); i=$((i+1)); done; sleep 0.5; grep -l 'State:.*Z' /proc/[0-9]*/status | wc -l",
    );
    assert_eq!(outcome.stdout, "0\n", "{}", outcome.stderr);
}

#[test]
fn the_caller_can_end_it_politely_or_at_once() {
    needs_sandboxes!();
    let polite = Trial::new("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    let running = polite.spawn().unwrap_or_else(|error| panic!("{error}"));
    let stopper = running.stopper();
    thread::sleep(Duration::from_millis(200));
    stopper.terminate();
    assert_eq!(finish(running).exit.reason, ExitReason::Cancelled { killed: false });
    stopper.kill();

    let running = Trial::new("trap '' TERM; sleep 60").spawn().unwrap_or_else(|error| panic!("{error}"));
    let start = Instant::now();
    running.stopper().kill();
    assert_eq!(finish(running).exit.reason, ExitReason::Cancelled { killed: true });
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn dropping_the_handle_ends_everything() {
    needs_sandboxes!();
    let text = marker();
    let running = Trial::new(&format!("sleep {text}")).spawn().unwrap_or_else(|error| panic!("{error}"));
    drop(running);
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn a_full_pipe_that_nobody_reads_does_not_keep_the_deadline_waiting() {
    needs_sandboxes!();
    let mut trial = Trial::new("yes");
    trial.spec.deadline = Some(Duration::from_millis(300));
    let exit = trial.spawn().unwrap_or_else(|error| panic!("{error}")).wait();
    assert!(matches!(exit.reason, ExitReason::DeadlineTerm), "{exit:?}");
}

#[test]
fn many_lines_arrive_complete_and_in_order() {
    needs_sandboxes!();
    let outcome = run("seq 1 200000");
    assert_eq!(outcome.stdout.lines().count(), 200_000);
    assert!(outcome.stdout.ends_with("\n200000\n"));
}

#[test]
fn the_exit_can_be_recorded_and_read_back() {
    needs_sandboxes!();
    let exit = run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 9").exit;
    assert!(exit.usage.cpu > Duration::ZERO);
    let text = serde_json::to_string(&exit).expect("written");
    assert_eq!(serde_json::from_str::<Exit>(&text).expect("read"), exit);
}
