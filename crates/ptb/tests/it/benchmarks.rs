//! Every benchmark end to end: the embedded engine, a server, kills in the middle.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scene::{Scene, root};

/// A scene whose data folder is filled from the mirror; none where the mirror is absent.
fn scene_with_data() -> Option<Scene> {
    let mirror = root().join("../shared/data");
    if !mirror.is_dir() {
        eprintln!("skipped: there is no mirror of the benchmarks' data at {}", mirror.display());
        return None;
    }
    let scene = Scene::new();
    scene.say(&["data", "fetch", "--from", &mirror.display().to_string()]).well();
    Some(scene)
}

fn log(folder: &Path, seed: u64) -> Value {
    serde_json::from_slice(&fs::read(folder.join(format!("{seed}/log.json"))).unwrap()).unwrap()
}

/// The document without what is a time.
fn timeless(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for time in ["created", "started_at", "completed_at", "total_time", "working_time"] {
                    fields.remove(time);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

#[test]
fn every_benchmark_runs_on_the_embedded_engine() {
    let Some(scene) = scene_with_data() else { return };
    for benchmark in ["aime2025", "bfcl", "gpqamain", "gsm8k", "humaneval"] {
        let arguments = ["--benchmark", benchmark, "--model", "micro-base", "--limit", "5", "--max-tokens", "24"];
        scene.say(&[&["eval", "--log-dir", benchmark], &arguments[..]].concat()).well();
        let log = log(&scene.path(benchmark), 72332);
        assert_eq!((log["status"].as_str(), log["samples"].as_array().unwrap().len()), (Some("success"), 5));
    }
    for benchmark in ["arenahardwriting", "healthbench"] {
        let arguments = ["--benchmark", benchmark, "--model", "micro-base", "--limit", "5", "--max-tokens", "24"];
        let mut command = scene.ptb();
        command.args(["eval", "--log-dir", benchmark]).args(arguments).env_remove("OPENAI_API_KEY");
        let said = crate::scene::said(&command.output().unwrap());
        said.badly(3, &["OPENAI_API_KEY", "answers are kept", &format!("ptb eval --resume {benchmark}")]);
        let log = log(&scene.path(benchmark), 72332);
        assert_eq!(log["samples"].as_array().unwrap().len(), 5, "the answers are in the log");
    }
}

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `ptb serve` with the micro model and answers its address.
fn serve(scene: &Scene) -> (Server, String) {
    let mut command = scene.ptb();
    command.args(["serve", "micro-base", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http")).unwrap();
    let url = url.trim_end_matches(',').to_owned();
    (Server(child), url)
}

#[test]
fn a_server_with_the_same_model_gives_the_same_answers() {
    let scene = Scene::new();
    let (_server, url) = serve(&scene);
    let common = ["--benchmark", "micro-math", "--model", "micro-base", "--limit", "6"];
    scene.say(&[&["eval", "--log-dir", "here"], &common[..]].concat()).well();
    scene.say(&[&["eval", "--log-dir", "there", "--endpoint", &url], &common[..]].concat()).well();
    let answers = |folder: &str| -> Vec<Value> {
        let log = log(&scene.path(folder), 72332);
        log["samples"].as_array().unwrap().iter().map(|sample| sample["output"]["completion"].clone()).collect()
    };
    let (here, there) = (answers("here"), answers("there"));
    assert!(here.len() == 6 && here.iter().any(|answer| answer != ""));
    assert_eq!(here, there);
}

#[test]
fn nobody_at_the_endpoint_is_said_at_once() {
    let scene = Scene::new();
    let arguments = ["--benchmark", "micro-math", "--model", "m", "--endpoint", "http://127.0.0.1:9", "--limit", "2"];
    scene.say(&[&["eval"], &arguments[..]].concat()).badly(3, &["http://127.0.0.1:9/v1", "check that the server runs"]);
}

fn samples(folder: &Path) -> usize {
    let lines = fs::read_to_string(folder.join("72332/samples.jsonl")).unwrap_or_default();
    lines.lines().filter(|line| line.contains("\"line\":\"sample\"")).count()
}

/// Lets the command work until so many samples are there, then kills it.
fn kill_after(mut command: Command, folder: &Path, count: usize) {
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    while samples(folder) < count && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "{count} samples took too long");
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_killed_evaluation_resumes_to_the_same_log() {
    let scene = Scene::new();
    let arguments = ["--benchmark", "micro-math", "--model", "micro-base", "--limit", "24", "--max-connections", "2"];
    scene.say(&[&["eval", "--log-dir", "whole"], &arguments[..]].concat()).well();
    for count in [1, 7, 20] {
        let mut command = scene.ptb();
        command.args(["eval", "--log-dir", "cut"]).args(arguments).stdout(Stdio::null());
        kill_after(command, &scene.path("cut"), count);
    }
    let before = samples(&scene.path("cut"));
    scene.say(&["eval", "--resume", "cut"]).well();
    assert!(before >= 20 && samples(&scene.path("cut")) == 24, "no sample is asked twice");
    assert_eq!(timeless(log(&scene.path("cut"), 72332)), timeless(log(&scene.path("whole"), 72332)));
}

#[test]
fn a_folder_that_is_no_log_folder_cannot_be_resumed() {
    let scene = Scene::new();
    scene.say(&["eval", "--resume", "."]).badly(2, &["no log folder", "evaluation.json"]);
}
