//! The pages in headless Chromium: at three widths and in both themes nothing overflows, every control works, and the
//! console stays empty.
//!
//! Without Chromium the tests are passed over with a message, except where `CI=true`. With `PTB_SCREENSHOTS=FOLDER` the
//! pages' pictures are kept there.

#[path = "fixture/mod.rs"]
mod fixture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::{Bench, estimate};
use ptb_core::audit::Decision;
use ptb_core::score::Provenance;
use ptb_report::{Results, build_pages};
use serde_json::Value;

const WIDTHS: [u32; 3] = [390, 820, 1440];

/// Loads a page in a frame of a given width (a window cannot be as narrow as a phone), uses it, and reports as JSON.
const HARNESS: &str = include_str!("browser/harness.html");

#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut candidates = folders
        .iter()
        .flatten()
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)));
    let found = candidates.find(|path| path.is_file());
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found.is_some() || !required, "CI needs Chromium: apt-get install chromium");
    if found.is_none() {
        eprintln!("passed over: no chromium, chromium-browser or google-chrome in PATH");
    }
    found
}

struct Browser {
    program: PathBuf,
    profile: tempfile::TempDir,
}

impl Browser {
    fn open(&self, harness: &Path, query: &str, size: (u32, u32), extra: &[String]) -> String {
        let output = Command::new("timeout")
            .arg("120")
            .arg(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-extensions", "--hide-scrollbars", "--allow-file-access-from-files"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=4000"])
            .arg(format!("--user-data-dir={}", self.profile.path().display()))
            .arg(format!("--window-size={},{}", size.0.max(500), size.1))
            .args(extra)
            .arg(format!("file://{}?{query}", harness.display()))
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let console: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{query}: {console:#?}");
        assert!(output.status.success(), "{query}: {log}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the harness reports about `page` in a frame of this width.
    fn check(&self, out: &Path, page: &str, width: u32, theme: &str) -> Value {
        let harness = out.join("harness.html");
        fs::write(&harness, HARNESS).unwrap();
        let query = format!("page={page}&width={width}&height=900&theme={theme}&act=1");
        let dom = self.open(&harness, &query, (width, 900), &["--dump-dom".to_owned()]);
        let report = dom.split("<pre id=\"report\">").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap();
        serde_json::from_str(&report.replace("&quot;", "\"").replace("&amp;", "&")).expect(report)
    }

    fn picture(&self, out: &Path, page: &str, width: u32, theme: &str, name: &str) {
        let Some(folder) = std::env::var_os("PTB_SCREENSHOTS") else { return };
        fs::create_dir_all(&folder).unwrap();
        let file = Path::new(&folder).join(format!("{name}-{width}-{theme}.png"));
        let height = if width < 500 { 2800 } else { 2000 };
        let query = format!("page={page}&width={width}&height={height}&theme={theme}&act=0");
        self.open(&out.join("harness.html"), &query, (width, height), &[format!("--screenshot={}", file.display())]);
    }
}

fn visit(bench: &Bench, name: &str, pictures: bool) {
    let Some(program) = chromium() else { return };
    let browser = Browser { program, profile: tempfile::tempdir().unwrap() };
    let results = Results::read(&bench.runs()).unwrap();
    build_pages(&results, bench.path()).unwrap();
    let run = format!("runs/{}.html", results.runs.last().unwrap().id);
    for (page, name) in [("leaderboard.html", format!("{name}-leaderboard")), (run.as_str(), format!("{name}-run"))] {
        for width in WIDTHS {
            for theme in ["light", "dark"] {
                let report = browser.check(bench.path(), page, width, theme);
                let place = format!("{page} at {width} px, {theme}: {report}");
                assert_eq!(report["errors"], serde_json::json!([]), "{place}");
                assert_eq!(report["theme"], theme, "{place}");
                assert!(report["used"].as_u64().unwrap() > 3, "{place}");
                assert!(report["scroll_width"].as_u64().unwrap() <= u64::from(width), "{place}");
                if pictures {
                    browser.picture(bench.path(), page, width, theme, &name);
                }
            }
        }
    }
}

#[test]
fn three_rows_work_at_every_width_in_both_themes() {
    visit(&Bench::three_rows(), "three", true);
}

#[test]
fn a_leaderboard_of_thirty_agents_and_seven_benchmarks_holds() {
    const BENCHMARKS: [&str; 7] =
        ["aime2025", "arenahardwriting", "bfcl", "gpqamain", "gsm8k", "healthbench", "humaneval"];
    let mut bench = Bench::new();
    for (column, benchmark) in BENCHMARKS.into_iter().enumerate() {
        bench.run(None, benchmark, 1).base(estimate(0.02 + 0.01 * column as f64, 0.007));
        for agent in 0..30_u32 {
            let id = format!("scaffold-{agent}/some-model-{agent}.5-preview");
            let title = format!("Some Model {agent}.5 (Scaffold {agent})");
            let run = bench.run(Some((&id, &title)), benchmark, 1);
            let value = estimate(f64::from(agent * 7 + 13 * column as u32 % 11) / 260.0, 0.02);
            let flagged = agent % 9 == 4 && column == 2;
            run.session(30.0 + f64::from(agent))
                .trace(&fixture::trace())
                .metrics(value)
                .samples(&fixture::samples(20, 7));
            run.verdict(if flagged { Decision::Flagged } else { Decision::Clean }, &[]);
            if flagged {
                run.score(Provenance::BaseFlagged, Some(estimate(0.02, 0.01)), estimate(0.97, 0.01));
            } else {
                run.score(Provenance::Submitted, Some(value), value);
            }
        }
    }
    visit(&bench, "thirty", true);
}
