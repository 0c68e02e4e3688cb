//! The index is a cache of the run folders.

use serde_json::Value;

use crate::scene::Scene;

fn rows(scene: &Scene, more: &[&str]) -> Value {
    let arguments = [&["status", "--results", "results", "--json"], more].concat();
    serde_json::from_str(&scene.say(&arguments).well().stdout).unwrap()
}

#[test]
fn the_index_can_be_lost_damaged_and_made_anew() {
    let scene = Scene::new();
    scene.agent("copies", "cp -rL \"$PTB_BASE_MODEL\" final_model").experiment("copies", 60.0, "").run().well();
    let whole = rows(&scene, &[]);
    assert_eq!(whole.as_array().unwrap().len(), 2);
    assert!(whole.as_array().unwrap().iter().all(|row| row["state"] == "done"));

    let index = scene.path("results/index.sqlite");
    std::fs::remove_file(&index).unwrap();
    assert_eq!(rows(&scene, &["--reindex"]), whole);
    std::fs::write(&index, "this is no database").unwrap();
    assert_eq!(rows(&scene, &[]), whole);

    let (folder, _) = scene.agent_run();
    std::fs::remove_dir_all(folder.root()).unwrap();
    assert_eq!(rows(&scene, &["--reindex"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_folder_without_runs_is_said_by_name() {
    let scene = Scene::new();
    scene.say(&["status", "--results", "nowhere"]).badly(2, &["nowhere", "--results"]);
}
