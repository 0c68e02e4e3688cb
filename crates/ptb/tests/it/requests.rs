//! `ptb eval --dump-requests`: the recorded requests, through the binary.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use crate::scene::{Scene, root};

const BENCHMARKS: [&str; 7] = ["aime2025", "arenahardwriting", "bfcl", "gpqamain", "gsm8k", "healthbench", "humaneval"];

fn lines(text: &str) -> impl Iterator<Item = Value> {
    // A recorded reply may hold half a character, which no JSON parser here takes; its request is another record's too.
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

#[test]
fn dumped_requests_equal_the_recorded_ones_and_every_benchmark_can_be_asked_in_our_own_words() {
    let (golden, mirror) = (root().join("../shared/golden"), root().join("../shared/data"));
    if !golden.exists() || !mirror.exists() {
        eprintln!("skipped: no records beside the project");
        return;
    }
    let scene = Scene::new();
    scene.say(&["data", "fetch", "--from", &mirror.to_string_lossy()]).well();
    let listed = scene.say(&["data", "list", "gpqamain"]).well().stdout;
    assert!(listed.contains("pinned on first fetch") && listed.contains("gpqa_synthetic/gpqa_main.csv"), "{listed}");
    scene.say(&["data", "verify"]).well();

    let pack = golden.join("prompt_pack.json");
    let dump = |benchmark: &str, pack: &str| {
        let dump = ["eval", "--benchmark", benchmark, "--model", "qwen-mock", "--dump-requests", "dump.jsonl"];
        scene.say(&[&dump[..], &["--pack", pack]].concat()).well();
        let dumped = fs::read_to_string(scene.path("dump.jsonl")).unwrap();
        lines(&dumped).map(|line| (line["sample_id"].to_string(), line["request"].clone())).collect::<HashMap<_, _>>()
    };
    for benchmark in BENCHMARKS {
        let requests = dump(benchmark, &pack.to_string_lossy());
        let own = dump(benchmark, "default");
        assert_eq!(own.len(), requests.len());
        let Ok(records) = fs::read_to_string(golden.join(format!("evals/{benchmark}.jsonl"))) else { continue };
        let mut compared = 0;
        for record in lines(&records) {
            let (ours, recorded) = (&requests[&record["sample_id"].to_string()], &record["request"]);
            for field in ["model", "max_tokens", "tools", "tool_choice"] {
                assert_eq!(ours[field], recorded[field], "{} {field}", record["record_id"]);
            }
            assert_eq!(ours["messages"].as_array().unwrap().last(), recorded["messages"].as_array().unwrap().last());
            assert_eq!(ours.as_object().unwrap().len(), recorded.as_object().unwrap().len());
            compared += 1;
        }
        assert!(compared > 100, "{benchmark}: {compared}");
    }
}

#[test]
fn a_pack_that_does_not_fit_is_refused_before_anything_is_asked() {
    let scene = Scene::new();
    fs::write(scene.path("mine.toml"), "id = 'mine'\ndescription = ''\n[prompts.micro-math]\nuser = 'no place'\n")
        .unwrap();
    let eval =
        |benchmark, pack| scene.say(&["eval", "--benchmark", benchmark, "--model", "micro-base", "--pack", pack]);
    eval("micro-math", "mine.toml").badly(2, &["{question}"]);
    eval("micro-format", "mine.toml").badly(2, &["mine", "micro-format"]);
    eval("micro-math", "absent.json").badly(2, &["absent.json"]);
    eval("micro-math", "defautl").badly(2, &["default"]);
}

#[test]
fn names_that_are_neither_data_nor_model_get_a_hint() {
    let scene = Scene::new();
    scene.say(&["data", "fetch", "gsm8"]).badly(2, &["gsm8k"]);
    scene.say(&["data", "list", "--model", "qwen3-4"]).badly(2, &["qwen3-4b"]);
    assert!(scene.say(&["data", "list", "qwen3-4b"]).well().stdout.contains("not fetched"));
    scene.say(&["data", "fetch", "gsm8k", "--from", "nowhere"]).badly(1, &["nowhere/gsm8k/test.jsonl"]);
}
