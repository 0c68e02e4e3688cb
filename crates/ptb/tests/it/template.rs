//! `ptb template` on conversations, good and bad.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::scene::{Scene, root};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_is_answered_in_order_and_bad_ones_are_named() {
    let scene = Scene::new();
    let hello = json!({"record_id": "a", "messages": [{"role": "user", "content": "Hi"}], "rendered": "ignored"});
    let generation = json!({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true});
    let refused = json!({"record_id": 7, "messages": []});
    let bad_day = json!({"record_id": "d", "messages": [], "today": "yesterday"});
    let deep = "[".repeat(100_000);
    let good = [&hello, &generation, &refused, &bad_day].map(Value::to_string).join("\n");
    let bad = format!("not json\n\n[1]\n{{\"messages\": {deep}\n{{\"messages\": 5}}");
    let mut input = format!("{good}\n{bad}\n{hello}").into_bytes();
    input.extend(b"\n\xff\xfe\n");
    fs::write(scene.path("in.jsonl"), input).unwrap();

    let said = scene.say(&["template", "--family", "qwen3", "--input", "in.jsonl"]);
    let out = lines(&said.stdout);
    let turn = "<|im_start|>user\nHi<|im_end|>\n";
    assert_eq!(out[0], json!({"record_id": "a", "rendered": turn}));
    assert_eq!(out[1], json!({"rendered": format!("{turn}<|im_start|>assistant\n")}));
    assert_eq!(out[2], json!({"record_id": 7, "error": "UndefinedError: list object has no element 0"}));
    assert!(out[3]["error"].as_str().unwrap().contains("today") && out[3]["record_id"] == "d", "{}", out[3]);
    assert!(out[4..9].iter().all(|line| line["error"].as_str().unwrap().starts_with("InputError: ")), "{out:?}");
    assert_eq!(out[9], out[0]);
    assert!(out[10]["error"].as_str().unwrap().contains("UTF-8"), "{}", out[10]);
    assert_eq!(out.len(), 11);
    said.badly(2, &["7 of 11 lines", "in.jsonl"]);
}

#[test]
fn halves_of_surrogate_pairs_come_back_as_they_came() {
    let scene = Scene::new();
    let content = r"a\ud800b \ude00\ud83d \ud83d\ude00 \u00e9";
    let line = format!(r#"{{"record_id": "x\udfff", "messages": [{{"role": "user", "content": "{content}"}}]}}"#);
    let mut ptb = scene.ptb();
    ptb.args(["template", "--family", "gemma3", "--input", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = ptb.spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    let rendered = format!(r"<bos><start_of_turn>user\n{content}<end_of_turn>\n");
    let expected = format!("{{\"record_id\": \"x\\udfff\", \"rendered\": \"{rendered}\"}}\n");
    assert_eq!(String::from_utf8(out.stdout).unwrap(), expected);
}

#[test]
fn mistakes_in_the_call_end_with_two() {
    let scene = Scene::new();
    scene.say(&["template", "--family", "llama3", "--input", "-"]).badly(2, &["gemma3_tool_calling"]);
    scene.say(&["template", "--family", "smollm", "--input", "nowhere.jsonl"]).badly(2, &["nowhere.jsonl"]);
}

#[test]
fn recorded_conversations_come_out_as_recorded() {
    let records = root().join("../shared/golden/evals/templates.jsonl");
    let Ok(records) = fs::read_to_string(&records) else {
        eprintln!("skipped: there is no {}", records.display());
        return;
    };
    let scene = Scene::new();
    for family in ["qwen3", "smollm", "gemma3", "gemma3_tool_calling"] {
        let of_family = |line: &&str| serde_json::from_str::<Value>(line).unwrap()["family"] == family;
        let input: Vec<_> = records.lines().filter(of_family).collect();
        fs::write(scene.path("in.jsonl"), input.join("\n")).unwrap();
        let out = lines(&scene.say(&["template", "--family", family, "--input", "in.jsonl"]).well().stdout);
        assert_eq!(out.len(), input.len());
        for (line, given) in input.iter().zip(out) {
            let record: Value = serde_json::from_str(line).unwrap();
            for name in ["record_id", "rendered", "error"] {
                assert_eq!(given[name], record[name], "{}", record["kind"]);
            }
        }
    }
}
