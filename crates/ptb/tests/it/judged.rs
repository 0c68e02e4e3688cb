//! A benchmark that a judge grades, from the command line.

use std::fs;
use std::path::Path;

use ptb_core::files;
use serde_json::Value;

use crate::judge_server::JudgeServer;
use crate::scene::{Said, Scene};

const KEY: &str = "sk-the-judges-key";
const ROWS: &str = concat!(
    r#"{"id": "one", "prompt": [{"role": "user", "content": "1 + 1?"}], "tags": ["theme:sums"], "rubrics": [
        {"criterion": "Says 2", "points": 3, "tags": ["axis:accuracy"]},
        {"criterion": "Says 3", "points": -2, "tags": ["axis:accuracy"]}]}"#,
    "\n",
    r#"{"id": "two", "prompt": [{"role": "user", "content": "2 + 2?"}], "tags": ["theme:sums"], "rubrics": [
        {"criterion": "Says 4", "points": 1, "tags": ["axis:accuracy"]}]}"#,
    "\n"
);

/// A scene with a small benchmark whose judge is at this address, its data fetched.
fn scene(url: &str) -> Scene {
    let scene = Scene::new();
    let rows = ROWS.replace("\n        ", " ");
    fs::create_dir_all(scene.path("definitions/benchmarks")).unwrap();
    fs::create_dir_all(scene.path("mirror/tiny")).unwrap();
    fs::write(scene.path("mirror/tiny/test.jsonl"), &rows).unwrap();
    let (sha256, bytes) = (files::sha256(rows.as_bytes()), rows.len());
    let definition = format!(
        r#"
        id = "tiny"
        title = "Tiny"
        description = "Two questions with criteria."
        metric = "clipped_mean"
        solver = "conversation"
        prompt = "healthbench"
        max_tokens = [8]
        grading_costs_money = true
        data = {{ licence = "MIT", test = {{ from = "download", source.url = "http://127.0.0.1:1/none", path = "tiny/test.jsonl", pinned.sha256 = "{sha256}", pinned.bytes = {bytes}, rows = 2 }} }}
        fields = {{ id = "id", question = "prompt", rubric = "rubrics", tags = "tags" }}
        scorer = {{ kind = "rubric" }}
        [judge]
        model = "a-judge"
        base_url = "{url}"
        key_variable = "TINY_JUDGE_KEY"
        max_completion_tokens = 1000
        concurrency = 2
        attempts = 2
        prices = {{ date = "2026-11-24", source = "a test", input = 1.0, cached_input = 0.1, output = 10.0 }}
        "#
    );
    fs::write(scene.path("definitions/benchmarks/tiny.toml"), definition).unwrap();
    scene.say(&["data", "fetch", "tiny", "--definitions", "definitions", "--from", "mirror"]).well();
    scene
}

fn eval(scene: &Scene, key: Option<&str>, arguments: &[&str]) -> Said {
    let mut command = scene.ptb();
    command.arg("eval").args(arguments).env_remove("TINY_JUDGE_KEY");
    if let Some(key) = key {
        command.env("TINY_JUDGE_KEY", key);
    }
    crate::scene::said(&command.output().unwrap())
}

const FIRST: [&str; 8] =
    ["--benchmark", "tiny", "--model", "micro-base", "--definitions", "definitions", "--log-dir", "logs"];

#[test]
fn answers_are_kept_until_there_is_a_key() {
    let server = JudgeServer::start(KEY);
    let scene = scene(&server.url);
    eval(&scene, None, &FIRST).badly(3, &["TINY_JUDGE_KEY", "ptb eval --resume"]);
    let refused = eval(&scene, Some("sk-a-wrong-key"), &["--resume", "logs"]).badly(3, &["401", "TINY_JUDGE_KEY"]);
    assert!(!refused.stderr.contains("sk-a-wrong-key"), "{}", refused.stderr);
    assert_eq!(server.verdicts(), 0);

    let done = eval(&scene, Some(KEY), &["--resume", "logs", "--json"]).well();
    assert_eq!(server.verdicts(), 3);
    let metrics: Value = serde_json::from_str(&done.stdout).unwrap();
    // One point of three, and one of one.
    let expected = f64::midpoint(1.0 / 3.0, 1.0);
    assert!((metrics["accuracy"].as_f64().unwrap() - expected).abs() < 1e-12, "{metrics}");
    assert!((metrics["seeds"][0]["judge_cost_usd"].as_f64().unwrap() - 3.0 * 0.002).abs() < 1e-12, "{metrics}");
    assert!((metrics["seeds"][0]["parts"]["axis:accuracy"].as_f64().unwrap() - 0.5).abs() < 1e-12, "{metrics}");

    assert!(!done.stderr.contains(KEY) && !done.stdout.contains(KEY));
    let files = files_below(&scene.path("logs"));
    assert!(files.iter().any(|content| content.contains("it says so")), "the judge's words are in the log");
    assert!(files.iter().all(|content| !content.contains(KEY) && !content.contains("sk-a-wrong-key")));
}

fn files_below(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                return files_below(&path);
            }
            vec![String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()]
        })
        .collect()
}
