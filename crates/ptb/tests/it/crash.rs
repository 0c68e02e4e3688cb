//! A worker that is killed in any stage ends with the result of an undisturbed one.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ptb_core::event::EventKind;
use ptb_core::run::RunFolder;
use ptb_core::stage::Stage;
use serde_json::Value;

use crate::scene::Scene;

/// What must be the same in the end; times and ids differ.
#[derive(Debug, PartialEq)]
struct End {
    score: Value,
    verdict: Value,
    findings: Value,
    samples: Vec<Value>,
    submission: Vec<(String, String)>,
}

fn end(folder: &RunFolder) -> End {
    let json = |path: &Path| ptb_core::files::read_json::<Value>(path).unwrap();
    let mut score = json(&folder.score_path());
    score.as_object_mut().unwrap().remove("base_run");
    let log = json(&folder.evaluation_log(ptb_core::seed::FINAL_SEEDS[0]));
    let samples = log["samples"].as_array().unwrap().iter().map(|sample| {
        serde_json::json!({ "id": sample["id"], "completion": sample["output"]["completion"], "scores": sample["scores"] })
    });
    let mut submission: Vec<_> = std::fs::read_dir(folder.submission())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), ptb_core::files::sha256_file(&path).unwrap())
        })
        .collect();
    submission.sort();
    End {
        score,
        verdict: json(&folder.verdict_path()),
        findings: json(&folder.findings_path()),
        samples: samples.collect(),
        submission,
    }
}

fn scene() -> Scene {
    let scene = Scene::new();
    scene.agent("copies", "cp -rL \"$PTB_BASE_MODEL\" final_model && echo done").experiment("copies", 60.0, "");
    scene
}

fn worker(scene: &Scene, folder: &RunFolder) -> Command {
    let mut command = scene.ptb();
    command.arg("worker").arg(folder.root());
    command
}

/// Puts a finished run back to where it was before its first stage.
fn forget(folder: &RunFolder) {
    for name in ["stages", "workspace", "trace", "submission", "audit", "eval", "prepared", "scratch"] {
        ptb_core::files::remove_all(&folder.root().join(name)).unwrap();
    }
    for name in ["score.json", "metrics.json", "collection.json", "session.json", "usage.json", "events.jsonl"] {
        ptb_core::files::remove_all(&folder.root().join(name)).unwrap();
    }
}

#[test]
fn a_worker_killed_in_any_stage_ends_like_an_undisturbed_one() {
    let scene = scene();
    scene.run().well();
    let (folder, _) = scene.agent_run();
    let undisturbed = end(&folder);
    for stage in Stage::ALL {
        for point in ["begun", "done"] {
            forget(&folder);
            let killed = worker(&scene, &folder).env("PTB_FAULT_KILL", format!("{stage}:{point}")).status().unwrap();
            assert_eq!(killed.signal(), Some(9), "the worker was to die in {stage} ({point})");
            assert!(folder.stage_record(stage).unwrap().is_none(), "{stage} must have no record yet");

            assert!(worker(&scene, &folder).status().unwrap().success(), "{stage} ({point})");
            assert_eq!(end(&folder), undisturbed, "{stage} ({point})");
            let events = folder.events().read().unwrap();
            assert!(events.iter().any(|event| event.kind == EventKind::StageInterrupted { stage }), "{stage}");
            assert_eq!(folder.stage_record(stage).unwrap().unwrap().attempts, 2);
        }
    }
}

#[test]
fn a_worker_killed_at_random_moments_ends_like_an_undisturbed_one() {
    let scene = scene();
    let took = Instant::now();
    scene.run().well();
    let whole = took.elapsed();
    let (folder, _) = scene.agent_run();
    let undisturbed = end(&folder);
    for eighth in 0..8 {
        forget(&folder);
        let mut process = worker(&scene, &folder).spawn().unwrap();
        thread::sleep(whole * eighth / 10);
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(worker(&scene, &folder).status().unwrap().success());
        assert_eq!(end(&folder), undisturbed);
    }
}

#[test]
fn a_second_worker_is_refused_while_the_first_one_works() {
    let scene = Scene::new();
    scene.agent("waits", "sleep 20").experiment("waits", 30.0, "");
    let mut controller = scene.ptb();
    controller.args(["run", "experiment.toml", "--definitions", "definitions", "--out", "results"]);
    let mut controller = controller.spawn().unwrap();
    let folder = wait_for_agent(&scene);
    let second = crate::scene::said(&worker(&scene, &folder).output().unwrap());
    second.badly(1, &["another worker"]);
    controller.kill().unwrap();
    controller.wait().unwrap();
    end_worker(&folder);
}

/// Waits until the agent stage of the only agent run has begun.
fn wait_for_agent(scene: &Scene) -> RunFolder {
    let patience = Instant::now();
    while patience.elapsed() < Duration::from_mins(1) {
        for path in RunFolder::list(&scene.path("results/runs")).unwrap_or_default() {
            let (folder, _) = RunFolder::open(path).unwrap();
            let events = folder.events().read().unwrap();
            if events.iter().any(|event| matches!(event.kind, EventKind::StageStarted { stage: Stage::Agent, .. })) {
                return folder;
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the agent stage did not begin");
}

/// Ends the worker that is left when its controller was killed.
fn end_worker(folder: &RunFolder) {
    for event in folder.events().read().unwrap() {
        if let EventKind::WorkerStarted { pid } = event.kind {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}
