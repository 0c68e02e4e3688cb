//! What the program may do: its user, its rights, its view on other processes, environment and descriptors.

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use ptb_sandbox::{ExitReason, Network};

use crate::trial::{Bystander, Trial, is_root, marker, output, run};

fn status(field: &str) -> String {
    output(&format!("grep ^{field}: /proc/self/status | cut -f2"))
}

#[test]
fn the_program_has_no_capability_and_can_get_none() {
    needs_sandboxes!();
    for field in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(field), "0000000000000000\n", "{field}");
    }
    assert_eq!(status("CapBnd"), "0000000000000000\n");
    assert_eq!(status("NoNewPrivs"), "1\n");
    assert_eq!(status("Seccomp"), "2\n");
}

#[test]
fn the_program_is_never_root_on_the_host() {
    needs_sandboxes!();
    let trial = Trial::new("id -u; cat /proc/self/uid_map; sleep 0.3");
    let running = trial.spawn().unwrap_or_else(|error| panic!("{error}"));
    let host_status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).expect("a process");
    let uid = host_status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a user").trim().to_owned();
    let outside = running.protection.outside_uid;
    assert_eq!(uid, format!("{outside}\t{outside}\t{outside}\t{outside}"));
    assert!(outside != 0);
    assert!(is_root() || outside == rustix::process::geteuid().as_raw());
    let outcome = crate::trial::finish(running);
    assert!(outcome.stdout.starts_with("1000\n"), "{}", outcome.stdout);
}

#[test]
fn the_filter_refuses_new_namespaces_and_mounts_and_threads_still_work() {
    needs_sandboxes!();
    let outcome =
        run("unshare -U true; echo $?; unshare -m true; echo $?; mount -t tmpfs none /tmp; test $? -gt 0; echo $?");
    assert_eq!(outcome.stdout, "1\n1\n0\n");
    assert_eq!(outcome.stderr.matches("Operation not permitted").count(), 2, "{}", outcome.stderr);
    let script =
        "python3 -c 'import threading; t = threading.Thread(target=lambda: print(\"thread\")); t.start(); t.join()'";
    let python = run(script);
    if python.exit.reason != (ExitReason::Exited { code: 127 }) {
        assert_eq!(python.stdout, "thread\n", "{}", python.stderr);
    }
}

#[test]
fn other_processes_of_the_host_are_invisible() {
    needs_sandboxes!();
    let text = marker();
    let mut other = Bystander::new(&text);
    let seen = output("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; ls /proc | grep -c '^[0-9]'");
    assert!(other.is_alive());
    assert!(!seen.contains(&text), "{seen}");
    let count: u32 = seen.lines().last().and_then(|line| line.parse().ok()).expect("a count");
    assert!(count <= 5, "{seen}");
}

#[test]
fn the_environment_is_empty_except_for_what_was_given() {
    needs_sandboxes!();
    let mut trial = Trial::new("env");
    trial.spec.program = "/usr/bin/env".into();
    trial.spec.args.clear();
    trial.spec.env.clear();
    assert_eq!(trial.run().stdout, "");
    trial.spec.env.insert("ONLY".into(), "this = one".into());
    assert_eq!(trial.run().stdout, "ONLY=this = one\n");
}

#[test]
fn a_leaked_descriptor_is_not_inherited_and_the_input_is_empty() {
    needs_sandboxes!();
    let secret = tempfile::tempfile().expect("a file");
    let leaked = rustix::io::dup(&secret).expect("a copy that survives exec");
    assert!(leaked.as_raw_fd() > 2);
    let seen = output("ls -l /proc/self/fd | sed 's/.* \\([0-9]* -> .*\\)/\\1/'; cat; echo end");
    let lines: Vec<&str> = seen.lines().filter(|line| line.contains("->") && !line.contains("/proc/")).collect();
    assert_eq!(lines.len(), 3, "{seen}");
    assert_eq!(lines[0], "0 -> /dev/null");
    assert!(lines[1].starts_with("1 -> pipe:") && lines[2].starts_with("2 -> pipe:"), "{seen}");
    assert!(seen.ends_with("end\n"));
}

#[test]
fn the_network_is_empty_or_the_hosts_as_asked() {
    needs_sandboxes!();
    let server = TcpListener::bind("127.0.0.1:0").expect("a server");
    let port = server.local_addr().expect("an address").port();
    let script = format!("import socket; socket.create_connection((\"127.0.0.1\", {port}), 2); print(\"connected\")");
    let mut trial = Trial::new(&format!("python3 -c '{script}'; cat /sys/class/net/lo/flags 2>&1; true"));
    let closed = trial.run();
    if closed.stderr.contains("not found") {
        crate::trial::skipped("there is no python3 in /usr/bin");
        return;
    }
    assert!(closed.stderr.contains("refused"), "loopback is up and nobody listens: {}", closed.stderr);
    trial.spec.network = Network::Open;
    assert!(trial.run().stdout.contains("connected"));
}
