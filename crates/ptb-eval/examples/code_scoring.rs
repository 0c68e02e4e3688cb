//! Measures how long `HumanEval` answers take to be checked: every canonical solution, and as many wrong ones.
//!
//! `cargo run --release -p ptb-eval --example code_scoring -- ../shared/data/humaneval/HumanEval.jsonl 5 2`

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use ptb_eval::code::{CodeConfig, Pool};
use ptb_eval::data::ProgramTests;
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    test: String,
    entry_point: String,
    canonical_solution: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments.next().ok_or("usage: code_scoring FILE [ROUNDS] [WORKERS]")?;
    let rounds: usize = arguments.next().map_or(Ok(5), |count| count.parse())?;
    let workers: usize = arguments.next().map_or(Ok(2), |count| count.parse())?;
    let text = fs::read_to_string(data)?;
    let rows: Vec<Row> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let python = std::env::var_os("PTB_PYTHON").map(PathBuf::from);
    let pool = Pool::new(CodeConfig { workers, python, ..CodeConfig::default() })?;
    let right = |row: &Row| row.canonical_solution.clone();
    let wrong = |_: &Row| "    return None\n".to_owned();
    measure("canonical solutions", &pool, &rows, rounds, &right);
    measure("wrong answers", &pool, &rows, 1, &wrong);
    Ok(())
}

fn measure(name: &str, pool: &Pool, rows: &[Row], rounds: usize, code: &(dyn Fn(&Row) -> String + Sync)) {
    let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    let errors: Vec<String> = thread::scope(|scope| {
        let work = || {
            let mut errors = Vec::new();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed) % rows.len())
                && next.load(Ordering::Relaxed) <= rows.len() * rounds
            {
                let tests = ProgramTests {
                    prompt: row.prompt.clone(),
                    tests: row.test.clone(),
                    entry_point: row.entry_point.clone(),
                };
                match pool.check(&tests, &code(row)) {
                    Ok(verdict) if verdict.passed => drop(passed.fetch_add(1, Ordering::Relaxed)),
                    Ok(verdict) if name.starts_with("canonical") => {
                        errors.push(format!("{}: {}", row.task_id, verdict.reason));
                    }
                    Ok(_) => {}
                    Err(error) => errors.push(format!("{}: {error}", row.task_id)),
                }
            }
            errors
        };
        let threads: Vec<_> = (0..pool.config().workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    report(&format!("{name}: {} checked, {} passed, {seconds:.2} s", rows.len() * rounds, passed.into_inner()));
    for error in errors {
        report(&error);
    }
}

#[expect(clippy::print_stdout, reason = "the numbers are the point of this program")]
fn report(line: &str) {
    println!("{line}");
}
