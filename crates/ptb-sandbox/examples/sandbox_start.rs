//! Measures how long a sandbox takes from nothing to the end of `/bin/true`, and prints the median in milliseconds.
//!
//! `cargo run --release -p ptb-sandbox --example sandbox_start -- 20`

use std::time::Instant;

use ptb_sandbox::{Limits, Mount, MountKind, SandboxSpec, spawn};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(20), |count| count.parse())?;
    let folder = std::env::temp_dir().join(format!("ptb-sandbox-start-{}", std::process::id()));
    for name in ["workspace", "cache"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let mount = |name: &str, kind| Mount { source: folder.join(name), target: format!("/{name}").into(), kind };
    let mut spec = SandboxSpec::new("/usr/bin/true", folder.join("scratch"));
    spec.mounts = vec![mount("workspace", MountKind::Writable), mount("cache", MountKind::Overlay)];
    spec.limits = Limits { memory_bytes: Some(1 << 30), processes: Some(100), file_size_bytes: None };
    let mut times = Vec::new();
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        spawn(&spec)?.wait();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    report(times[times.len() / 2].as_secs_f64() * 1000.0);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the number is the point of this program")]
fn report(milliseconds: f64) {
    println!("{milliseconds:.1}");
}
