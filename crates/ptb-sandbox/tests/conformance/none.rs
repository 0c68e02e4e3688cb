//! Without isolation: deadlines still hold, and the record says what is missing.

use std::time::Duration;

use ptb_sandbox::{ExitReason, Isolation};

use crate::trial::{Trial, eventually, finish, marker, processes_with};

fn open(script: &str) -> Trial {
    let mut trial = Trial::new(script);
    trial.spec.isolation = Isolation::None;
    trial.spec.cwd = trial.host("workspace");
    trial
}

#[test]
fn the_record_says_that_there_is_no_isolation() {
    let trial = open("pwd; env; exit 3");
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    let protection = running.protection.clone();
    assert_eq!(protection.isolation, Isolation::None);
    assert!(protection.namespaces.is_empty() && !protection.ends_with_kernel_help);
    assert!(protection.weaknesses.iter().any(|weakness| weakness.contains("no isolation")));
    let outcome = finish(running);
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 3 });
    assert!(outcome.stdout.contains("/workspace\n") && !outcome.stdout.contains("CARGO"), "{}", outcome.stdout);
}

#[test]
fn at_the_deadline_detached_and_deaf_processes_end_too() {
    let text = marker();
    let mut trial = open(&format!(
        "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep {text}; :' &) ; (sh -c 'setsid nohup sleep {text} >/dev/null 2>&1 &') ; \
         sleep {text}; sleep {text}"
    ));
    trial.spec.deadline = Some(Duration::from_millis(400));
    let exit = trial.run().exit;
    assert_eq!(exit.reason, ExitReason::DeadlineKilled);
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn a_polite_program_is_asked_first() {
    let mut trial = open("trap 'echo saved; exit 0' TERM; while :; do sleep 0.05; done");
    trial.spec.deadline = Some(Duration::from_secs(1));
    trial.spec.grace = Duration::from_secs(20);
    let outcome = trial.run();
    assert_eq!((outcome.exit.reason, outcome.stdout.as_str()), (ExitReason::DeadlineTerm, "saved\n"));
}

#[test]
fn detached_children_end_with_the_program() {
    let text = marker();
    let outcome = open(&format!("(setsid sleep {text} &) ; sleep 0.1; exit 4")).run();
    assert_eq!(outcome.exit.reason, ExitReason::Exited { code: 4 });
    assert_eq!(processes_with(&text), Vec::<String>::new());
}

#[test]
fn dropping_the_handle_ends_everything() {
    let text = marker();
    let running =
        open(&format!("(setsid sleep {text} &) ; sleep {text}")).spawn().unwrap_or_else(|error| panic!("{error}"));
    std::thread::sleep(Duration::from_millis(100));
    drop(running);
    eventually("the end of the processes", || processes_with(&text).is_empty());
}
