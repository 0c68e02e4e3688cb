//! The whole pipeline on embedded parts.

use serde_json::Value;

use crate::scene::Scene;

fn played(scene: &Scene, out: &str) -> Value {
    scene.say(&["demo", "--out", out]).well();
    serde_json::from_slice(&std::fs::read(scene.path(out).join("leaderboard.json")).unwrap()).unwrap()
}

#[test]
fn the_honest_agent_wins_and_the_cheat_is_caught_with_evidence() {
    let scene = Scene::new();
    let board = played(&scene, "demo-out");
    let rows = board["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{board:#}");
}
