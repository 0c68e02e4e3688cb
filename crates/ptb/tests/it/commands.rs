//! Single commands, as a person uses them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::scene::{Scene, root};

/// The mirror of real data, where there is one.
fn mirror() -> Option<PathBuf> {
    let mirror = root().join("../shared/data");
    let there = mirror.join("gsm8k/test.jsonl").is_file();
    if !there {
        eprintln!("skipped: no mirror of the data sets beside the project");
    }
    there.then_some(mirror)
}

#[test]
fn gsm8k_is_fetched_from_a_mirror_and_evaluated_on_the_real_path() {
    let Some(mirror) = mirror() else { return };
    let scene = Scene::new();
    scene.say(&["eval", "--benchmark", "gsm8k", "--model", "micro-base"]).badly(3, &["gsm8k", "ptb data fetch"]);
    scene.say(&["data", "fetch", "gsm8k", "--from", &mirror.to_string_lossy()]).well();
    assert!(scene.say(&["data", "verify", "gsm8k"]).well().stdout.contains("verified"));

    let evaluation =
        ["eval", "--benchmark", "gsm8k", "--model", "micro-base", "--limit", "3", "--max-tokens", "32", "--json"];
    let report: Value = serde_json::from_str(&scene.say(&evaluation).well().stdout).unwrap();
    assert_eq!(report["scored"], 3);
    assert!(report["accuracy"].as_f64().unwrap() <= 0.2);

    let test = scene.path("cache/data/gsm8k/test.jsonl");
    let content = fs::read_to_string(&test).unwrap();
    fs::write(&test, content.replacen("ducks", "geese", 1)).unwrap();
    scene.say(&["data", "verify", "gsm8k"]).badly(1, &["gsm8k test"]);
    scene.say(&evaluation).badly(3, &["test.jsonl"]);
}

#[test]
fn a_model_is_fine_tuned_served_by_name_and_its_lineage_is_told() {
    let scene = Scene::new();
    scene.say(&["eval", "--benchmark", "micro-math", "--model", "micro-base", "--limit", "1"]).well();
    let models = scene.path("cache/models");
    let base = fs::read_dir(models).unwrap().next().unwrap().unwrap().path();
    let base = base.to_string_lossy();
    let row = r#"{"messages":[{"role":"user","content":"2 + 2?"},{"role":"assistant","content":"4"}]}"#;
    fs::write(scene.path("chat.jsonl"), format!("{row}\n").repeat(8)).unwrap();

    let train = ["finetune", "--model", &base, "--data", "chat.jsonl", "--batch-size", "4", "--output"];
    scene.say(&[&train[..], &["full"]].concat()).well();
    scene.say(&[&train[..], &["low-rank", "--lora-rank", "4"]].concat()).well();
    for candidate in ["full", "low-rank"] {
        let lineage = scene.say(&["lineage", "--base", &base, "--candidate", candidate]).well();
        assert!(lineage.stdout.contains("trained from the base model"), "{}", lineage.stdout);
    }
    scene.say(&["lineage", "--base", &base, "--candidate", &base]).well();

    fs::write(scene.path("chat.jsonl"), format!("{row}\nnot json\n")).unwrap();
    scene.say(&[&train[..], &["third"]].concat()).badly(2, &["chat.jsonl", "2"]);
    assert!(!scene.path("third").exists());
}

/// Random checkpoints of a few ten kilobytes: the point is that each family's way leads through training and answering.
#[test]
fn models_of_every_family_are_fine_tuned_and_answer() {
    let scene = Scene::new();
    let row = r#"{"messages":[{"role":"user","content":"2 + 2?"},{"role":"assistant","content":"4"}]}"#;
    fs::write(scene.path("chat.jsonl"), format!("{row}\n").repeat(4)).unwrap();
    for name in ["smollm3", "gemma3_old"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ptb-engine/tests/golden").join(name);
        let base = scene.path(name);
        fs::create_dir(&base).unwrap();
        for file in ["model.safetensors", "tokenizer.json", "generation_config.json"] {
            fs::copy(golden.join(file), base.join(file)).unwrap();
        }
        // The families' prompts are longer than the few positions of the recorded models.
        let config = fs::read_to_string(golden.join("config.json")).unwrap();
        let longer = config.replace("\"max_position_embeddings\": 128", "\"max_position_embeddings\": 4096");
        assert_ne!(config, longer);
        fs::write(base.join("config.json"), longer).unwrap();
        let trained = format!("{name}-trained");
        scene
            .say(&["finetune", "--model", name, "--data", "chat.jsonl", "--lora-rank", "2", "--output", &trained])
            .well();
        let eval = ["eval", "--benchmark", "micro-math", "--limit", "1", "--json", "--model", &trained];
        let report: Value = serde_json::from_str(&scene.say(&eval).well().stdout).unwrap();
        assert_eq!(report["scored"], 1, "{name}: {report}");
    }
}

#[test]
fn a_model_that_was_never_fetched_is_asked_for_by_name() {
    let serve = ["serve", "gemma-3-4b", "--listen", "127.0.0.1:0"];
    Scene::new().say(&serve).badly(3, &["google/gemma-3-4b-pt", "ptb data fetch gemma-3-4b", "HF_TOKEN"]);
}

#[test]
fn mistakes_in_the_command_line_end_with_two_and_a_hint() {
    let scene = Scene::new();
    scene.say(&["eval", "--benchmark", "micro-maths", "--model", "micro-base"]).badly(2, &["micro-math"]);
    scene.say(&["eval", "--benchmark", "micro-math", "--model", "nowhere/at-all"]).badly(2, &["nowhere/at-all"]);
    scene.say(&["evaluate"]).badly(2, &["eval"]);
    fs::write(scene.path("experiment.toml"), "name = 'x'\nagents = 3\n").unwrap();
    scene.say(&["run", "experiment.toml"]).badly(2, &["experiment.toml", "line 2"]);
}

#[test]
fn the_doctor_says_what_each_thing_enables() {
    let scene = Scene::new();
    let checks: Value = serde_json::from_str(&scene.say(&["doctor", "--json"]).stdout).unwrap();
    let names: Vec<_> = checks.as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert!(["processor", "memory", "disk", "sandbox", "python3"].iter().all(|name| names.contains(name)), "{names:?}");
}

#[test]
fn the_train_split_has_as_many_rows_as_asked_for_and_none_of_the_test_split() {
    let scene = Scene::new();
    let fetch = ["data", "fetch", "micro-math", "--split"];
    scene.say(&[&fetch[..], &["train", "--count", "3000", "--seed", "5", "--out", "train"]].concat()).well();
    scene.say(&[&fetch[..], &["test", "--out", "test"]].concat()).well();
    let questions = |name: &str| {
        let rows = fs::read_to_string(scene.path(name)).unwrap();
        let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()["question"].as_str().unwrap().to_owned();
        rows.lines().map(row).collect::<std::collections::HashSet<_>>()
    };
    let (train, test) = (questions("train"), questions("test"));
    assert_eq!(test.len(), 200);
    assert!(train.len() > 2000 && train.is_disjoint(&test));
}
