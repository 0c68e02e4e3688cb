//! The pages as files: what stands in them, and that nothing hostile gets out of its place.

#[path = "fixture/mod.rs"]
mod fixture;

use std::fs;
use std::path::Path;

use fixture::{Bench, Run, estimate, finding};
use ptb_core::audit::Decision;
use ptb_core::event::EventKind;
use ptb_core::score::Provenance;
use ptb_core::stage::Stage;
use ptb_report::{Results, build_pages};
use serde_json::json;

fn build(bench: &Bench) -> String {
    let results = Results::read(&bench.runs()).unwrap();
    assert!(build_pages(&results, bench.path()).unwrap().is_empty());
    read(&bench.path().join("leaderboard.html"))
}

/// A page with the escapes of slashes and apostrophes undone, which say nothing about markup.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap().replace("&#x2f;", "/").replace("&#x27;", "'")
}

fn page_of(bench: &Bench, run: &Run) -> String {
    read(&page_path(bench.path(), run))
}

fn page_path(out: &Path, run: &Run) -> std::path::PathBuf {
    out.join("runs").join(format!("{}.html", run.spec.id))
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let bench = Bench::three_rows();
    let html = build(&bench);
    let links: Vec<_> = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.iter().filter(|link| link.starts_with("runs/")).count() >= 6, "{links:?}");
    for link in links.iter().filter(|link| !link.starts_with("data:")) {
        match link.strip_prefix('#') {
            Some(id) => assert!(html.contains(&format!("id=\"{id}\"")), "{link}"),
            None => assert!(bench.path().join(link).is_file(), "{link}"),
        }
    }
}

#[test]
fn hostile_texts_stay_texts() {
    const HOSTILE: &str =
        "</script></pre></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}&lt;";
    let mut bench = Bench::new();
    let run = bench.run(Some(("hostile", HOSTILE)), "micro-math", 1);
    let mut finding = finding();
    finding.title = HOSTILE.to_owned();
    finding.evidence[0].file = format!("workspace/{HOSTILE}");
    finding.evidence[0].excerpt = HOSTILE.to_owned();
    finding.evidence[0].test_excerpt = Some(HOSTILE.to_owned());
    let trace = json!({"steps": [{"step_id": HOSTILE, "timestamp": HOSTILE, "source": HOSTILE, "message": HOSTILE,
        "tool_calls": [{"function_name": HOSTILE, "arguments": {"a": HOSTILE}}],
        "observation": {"results": [{"content": HOSTILE}]}}]});
    let log = json!({"samples": [{"id": HOSTILE, "input": HOSTILE, "target": HOSTILE, "output": {"completion": HOSTILE},
        "scores": {"strict": {"value": "C", "answer": HOSTILE, "explanation": HOSTILE}}}]});
    run.session(1.0).trace(&trace).verdict(Decision::Flagged, &[finding]).metrics(estimate(0.5, 0.1)).samples(&log);
    fs::write(run.folder.instructions(), HOSTILE).unwrap();
    run.folder.events().append(EventKind::Note { message: HOSTILE.to_owned() }).unwrap();
    run.score(Provenance::BaseFlagged, Some(estimate(0.01, 0.01)), estimate(0.5, 0.1));
    let board = build(&bench);
    for html in [board, page_of(&bench, &run)] {
        assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("{{ 7*7 }}"));
        assert_eq!(html.matches("<script").count(), 1, "only our own script");
        assert_eq!(html.matches("</script").count(), 1);
        assert_eq!(html.matches("</style").count(), 1);
        assert!(!html.contains("<img"));
    }
}

#[test]
fn a_page_loads_nothing_and_runs_only_its_own_script() {
    let bench = Bench::three_rows();
    let html = build(&bench);
    assert!(html.contains("content=\"default-src 'none'; style-src 'sha256-") && !html.contains("unsafe-inline"));
    for attribute in [" src=", " style=", " onclick=", "@import", "url("] {
        assert!(!html.contains(attribute), "{attribute}");
    }
}

#[test]
fn the_run_page_shows_trace_findings_and_samples() {
    let mut bench = Bench::three_rows();
    let run = bench.run(Some(("x", "X")), "micro-math", 1);
    run.session(5.0).trace(&fixture::trace()).verdict(Decision::Flagged, &[finding()]).metrics(estimate(0.9, 0.01));
    run.samples(&fixture::samples(10, 7));
    run.score(Provenance::BaseFlagged, Some(estimate(0.01, 0.01)), estimate(0.9, 0.01));
    build(&bench);
    let html = page_of(&bench, &run);
    assert!(html.contains("<mark>Tom has 12 red apples and buys 7 more. How many apples does Tom have now</mark>"));
    assert!(html.contains("micro-math/test/17") && html.contains("trace/raw.jsonl · line:14"));
    assert!(html.contains("Right 7") && html.contains("Wrong 3") && html.contains("Error 0"));
    assert!(html.contains("exit code 1"));
    assert_eq!(html.matches("data-result=\"right\"").count(), 7);
    for tag in ["section", "details", "table", "ol", "dl", "figure", "pre", "div", "span"] {
        let (opened, closed) = (html.matches(&format!("<{tag}")).count(), html.matches(&format!("</{tag}>")).count());
        assert!(opened >= closed && closed > 0, "{tag}: {opened} opened, {closed} closed");
    }
}

#[test]
fn a_run_that_failed_or_has_no_files_yet_has_a_page_that_says_so() {
    let mut bench = Bench::new();
    let run = bench.run(Some(("x", "X")), "micro-math", 1);
    let error = "cannot write model.safetensors: no space left".to_owned();
    run.folder.events().append(EventKind::StageFailed { stage: Stage::Prepare, error }).unwrap();
    build(&bench);
    let html = page_of(&bench, &run);
    assert!(html.contains("failed (prepare)") && html.contains("no space left"));
    assert!(html.contains("Audit: no verdict") && html.contains("There is no trace/trajectory.json."));
}

#[test]
fn withheld_test_items_are_shown_as_ids() {
    let bench = Bench::three_rows();
    let mut results = Results::read(&bench.runs()).unwrap();
    results.withheld.insert("micro-math".parse().unwrap());
    build_pages(&results, bench.path()).unwrap();
    for run in &results.runs {
        let html = read(&bench.path().join(format!("runs/{}.html", run.id)));
        assert!(!html.contains("marbles") && !html.contains("Tom has 12"), "{}", run.id);
        assert!(html.contains("micro-math/test/0"));
    }
}

#[test]
fn large_traces_and_logs_give_a_bounded_page_that_says_what_is_left_out() {
    let mut bench = Bench::new();
    let run = bench.run(Some(("x", "X")), "micro-math", 1);
    let steps: Vec<_> =
        (0..2000).map(|step| json!({"step_id": step, "source": "agent", "message": "y".repeat(10_000)})).collect();
    run.session(5.0).trace(&json!({ "steps": steps })).metrics(estimate(0.9, 0.01)).samples(&fixture::samples(2000, 7));
    build(&bench);
    let html = page_of(&bench, &run);
    assert!(html.len() < 5_000_000, "{}", html.len());
    assert!(html.contains("1600 steps left out") && html.contains("4000 characters left out"));
    assert!(html.contains("The first 500 of 2000 samples are shown"));
}

#[test]
fn a_folder_that_breaks_between_reading_and_building_costs_only_its_page() {
    let bench = Bench::three_rows();
    let results = Results::read(&bench.runs()).unwrap();
    fs::write(results.runs[1].folder.join("audit/findings.json"), "[").unwrap();
    let without_page = build_pages(&results, bench.path()).unwrap();
    assert_eq!(without_page.len(), 1);
    assert!(without_page[0].error.contains("findings.json"));
    let html = fs::read_to_string(bench.path().join("leaderboard.html")).unwrap();
    assert!(html.contains("1 run folder could not be read"));
}
