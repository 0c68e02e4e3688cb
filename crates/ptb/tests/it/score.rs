//! `ptb score` as a person uses it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::scene::{Said, Scene, root};

/// The recorded completions of a benchmark, where there are any.
fn golden(benchmark: &str) -> Option<PathBuf> {
    let path = root().join(format!("../shared/golden/evals/{benchmark}.jsonl"));
    if !path.is_file() {
        eprintln!("skipped: {} is not on this machine", path.display());
        return None;
    }
    Some(path)
}

fn score(scene: &Scene, benchmark: &str, completions: &str, more: &[&str]) -> Said {
    scene.say(&[&["score", "--benchmark", benchmark, "--completions", completions], more].concat())
}

fn lines(said: &Said) -> Vec<Value> {
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn recorded_completions_are_scored_as_recorded() {
    let scene = Scene::new();
    for benchmark in ["gsm8k", "aime2025", "gpqamain", "bfcl"] {
        let Some(path) = golden(benchmark) else { return };
        let records = fs::read_to_string(&path).unwrap();
        let scored = lines(&score(&scene, benchmark, &path.to_string_lossy(), &["--compat", "inspect"]).well());
        assert_eq!(scored.len(), records.lines().count());
        for (record, scored) in records.lines().zip(scored) {
            let record: Value = serde_json::from_str(record).unwrap();
            assert_eq!(record["score"].as_f64(), scored["score"].as_f64(), "{scored}");
            for field in ["record_id", "sample_id", "extracted_answer", "error"] {
                assert_eq!(record[field], scored[field], "{scored}");
            }
        }
    }
}

#[test]
fn bad_lines_do_not_stop_the_others() {
    let scene = Scene::new();
    let file = scene.path("completions.jsonl");
    let mut content = b"\
        {\"sample_id\": \"a\", \"target\": \"18\", \"completion\": \"ANSWER: 18 \\ud800\"}\n\
        not JSON\n\
        \n\
        {\"sample_id\": \"b\", \"target\": \"18\", \"completion\": \"ANSWER: \xff\"}\n\
        {\"sample_id\": \"c\", \"target\": \"18\"}\n\
        {\"sample_id\": 7, \"target\": \"18\", \"completion\": {\"content\": null}, \"other\": 1e999}\n\
        {\"sample_id\": \"d\", \"completion\": \"ANSWER: 18\"}\n"
        .to_vec();
    let long =
        format!("{{\"sample_id\": \"e\", \"target\": \"5\", \"completion\": \"{}ANSWER: 5\"}}", "so ".repeat(4 << 20));
    content.extend_from_slice(long.as_bytes());
    fs::write(&file, content).unwrap();
    for mode in [&[][..], &["--compat", "inspect"]] {
        let said = score(&scene, "gsm8k", &file.to_string_lossy(), mode);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("4 of 7 lines"), "{}", said.stderr);
        let lines = lines(&said);
        let scores: Vec<_> = lines.iter().map(|line| line["score"].as_f64()).collect();
        assert_eq!(scores, [Some(1.0), None, None, None, Some(0.0), None, Some(1.0)]);
        for (line, part) in [(1, "JSON"), (2, "UTF-8"), (3, "completion"), (5, "ptb data fetch")] {
            assert!(lines[line]["error"].as_str().unwrap().contains(part), "{}", lines[line]);
        }
    }
}

#[test]
fn halves_of_surrogate_pairs_come_back() {
    let scene = Scene::new();
    let file = scene.path("completions.jsonl");
    fs::write(&file, "{\"sample_id\": \"a\", \"target\": \"18\", \"completion\": \"It is x\\ud83d\"}\n").unwrap();
    let said = score(&scene, "gsm8k", &file.to_string_lossy(), &["--compat", "inspect"]).well();
    assert!(said.stdout.contains("\"extracted_answer\":\"x\\ud83d\""), "{}", said.stdout);
}

#[test]
fn what_cannot_be_scored_says_why() {
    let scene = Scene::new();
    fs::write(scene.path("empty.jsonl"), "").unwrap();
    score(&scene, "gsm8k", "empty.jsonl", &[]).badly(2, &["no completions"]);
    score(&scene, "gsm8k", "absent.jsonl", &[]).badly(2, &["absent.jsonl"]);
    score(&scene, "micro-math", "empty.jsonl", &["--compat", "inspect"]).badly(2, &["micro-math", "--compat"]);
    score(&scene, "healthbench", "empty.jsonl", &[]).badly(2, &["judge", "ptb eval"]);
    score(&scene, "humaneval", "empty.jsonl", &[]).badly(3, &["tests of humaneval", "ptb data fetch"]);
    score(&scene, "gsm8k", "empty.jsonl", &["--data", "nowhere"]).badly(3, &["nowhere"]);
}
