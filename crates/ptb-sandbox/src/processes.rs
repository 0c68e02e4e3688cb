//! The host's view on the processes of a sandbox.

use std::collections::{HashMap, HashSet};
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// All descendants of a process that exist now, without itself.
pub(crate) fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, parent) in table() {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut waiting) = (HashSet::new(), vec![root.as_raw_nonzero().get()]);
    while let Some(parent) = waiting.pop() {
        let new = children.remove(&parent).unwrap_or_default();
        waiting.extend(&new);
        found.extend(new);
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Asks all descendants of a process to end, also those that are stopped.
pub(crate) fn ask_to_end(root: Pid) {
    for pid in descendants(root) {
        let _ = kill_process(pid, Signal::TERM);
        let _ = kill_process(pid, Signal::CONT);
    }
}

/// Memory of all descendants of a process in bytes. Shared memory counts once, which takes long to find out; so that is
/// done only if counting it for each sharer gives more than `limit`.
pub(crate) fn memory(root: Pid, limit: u64) -> u64 {
    let processes = descendants(root);
    let roughly = processes.iter().filter_map(|pid| resident(*pid)).sum();
    if roughly <= limit {
        return roughly;
    }
    processes.iter().filter_map(|pid| proportional(*pid).or_else(|| resident(*pid))).sum()
}

fn table() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect()
}

/// The parent in a `stat` line. The name before it may hold anything, parentheses too.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn resident(pid: Pid) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero())).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn proportional(pid: Pid) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.as_raw_nonzero())).ok()?;
    let kilobytes = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(kilobytes.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_hide_the_parent() {
        assert_eq!(parent("12 (a) R 1 (b)) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12"), None);
    }

    #[test]
    fn a_child_is_found_and_its_memory_counted() {
        let mut child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().expect("sleep starts");
        let own = rustix::process::getpid();
        let found = descendants(own).iter().any(|pid| pid.as_raw_nonzero().get() == child.id() as i32);
        let counted = memory(own, 0);
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert!(found);
        assert!(counted > 10_000, "{counted}");
    }
}
