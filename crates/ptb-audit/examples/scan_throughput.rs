//! Measures how fast clean text is scanned: `scan_throughput ITEMS.jsonl [MEGABYTES] [FILES]`.
//!
//! ITEMS.jsonl has rows with `question` and `answer`, such as the test file of GSM8K. The text is written to a temporary
//! folder first and is in the page cache when it is scanned.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use ptb_audit::{Policy, TestItem, scan};
use serde_json::Value;

const WORDS: [&str; 24] = [
    "market", "river", "seven", "carried", "the", "a", "blue", "of", "garden", "after", "morning", "and", "to",
    "engine", "paper", "with", "small", "letters", "in", "forty", "was", "number", "people", "under",
];

#[expect(clippy::print_stdout, reason = "the measurement is what this program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let items = items(&arguments.next().ok_or("usage: scan_throughput ITEMS.jsonl [MEGABYTES] [FILES]")?)?;
    let megabytes: usize = arguments.next().map_or(Ok(500), |text| text.parse())?;
    let files: usize = arguments.next().map_or(Ok(8), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("scan-throughput-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    for file in 0..files {
        std::fs::write(folder.join(format!("{file}.jsonl")), text(file as u64 + 1, megabytes * 1_000_000 / files))?;
    }
    let started = Instant::now();
    let report = scan(&items, std::slice::from_ref(&folder), &Policy::default());
    let seconds = started.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&folder)?;
    let report = report?;
    let rate = report.bytes as f64 / 1e6 / seconds;
    println!(
        "{} items, {:.0} MB in {seconds:.2} s: {rate:.0} MB/s, {} hits",
        items.len(),
        report.bytes as f64 / 1e6,
        report.hits.len()
    );
    Ok(())
}

fn items(path: &str) -> Result<Vec<TestItem>, Box<dyn Error>> {
    let mut items = Vec::new();
    for (number, line) in std::fs::read_to_string(path)?.lines().enumerate() {
        let row: Value = serde_json::from_str(line)?;
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        items.push(TestItem {
            id: format!("items/test/{number}"),
            question: text("question"),
            answer: text("answer"),
            target: String::new(),
        });
    }
    Ok(items)
}

fn text(seed: u64, bytes: usize) -> String {
    let mut state = seed;
    let mut text = String::with_capacity(bytes + 200);
    while text.len() < bytes {
        text.push_str("{\"text\": \"");
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let _ = write!(
                text,
                "{}{}",
                if state >> 60 == 0 { ". " } else { " " },
                WORDS[(state >> 33) as usize % WORDS.len()]
            );
        }
        let _ = writeln!(text, " {}\"}}", state >> 50);
    }
    text
}
