//! The whole pipeline on embedded parts.

use ptb_core::audit::Severity;
use ptb_core::run::RunFolder;
use serde_json::Value;

use crate::scene::Scene;

/// The part of the leaderboard that must be the same for the same results.
fn played(scene: &Scene, out: &str) -> Value {
    scene.say(&["demo", "--out", out]).well();
    let board: Value =
        serde_json::from_slice(&std::fs::read(scene.path(out).join("leaderboard.json")).unwrap()).unwrap();
    board["scores"].clone()
}

fn row<'a>(scores: &'a Value, id: &str) -> &'a Value {
    let rows = scores["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{scores:#}");
    rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("no row {id}: {scores:#}"))
}

fn value(row: &Value) -> f64 {
    row["average"]["value"].as_f64().unwrap()
}

fn provenance(row: &Value) -> &str {
    row["cells"][0]["replicates"][0]["provenance"].as_str().unwrap()
}

#[test]
fn the_honest_agent_wins_the_cheat_is_caught_and_the_same_again_gives_the_same_scores() {
    let scene = Scene::new();
    let scores = played(&scene, "first");
    let (base, honest, cheat) = (row(&scores, "base"), row(&scores, "recipe-sft"), row(&scores, "cheat-testset"));
    assert!(value(base) < 0.15, "{base:#}");
    assert!(value(honest) >= 0.70, "{honest:#}");
    assert_eq!(provenance(honest), "submitted");
    assert_eq!(provenance(cheat), "base (flagged)");
    assert_eq!(cheat["average"]["value"], base["average"]["value"]);
    assert!(cheat["cells"][0]["uncounted_submission"]["value"].as_f64().unwrap() > value(base));

    the_evidence_names_file_line_and_test_item(&scene);
    every_number_leads_to_its_run(&scene);
    assert_eq!(played(&scene, "second"), scores);
}

fn the_evidence_names_file_line_and_test_item(scene: &Scene) {
    let runs = RunFolder::list(&scene.path("first/runs")).unwrap();
    let cheat = runs.into_iter().find(|path| path.to_string_lossy().contains("cheat-testset")).unwrap();
    let (folder, _) = RunFolder::open(cheat).unwrap();
    let violations: Vec<_> = folder
        .findings()
        .unwrap()
        .unwrap()
        .into_iter()
        .filter(|finding| finding.severity == Severity::Violation)
        .collect();
    let mut evidence = violations.iter().flat_map(|finding| &finding.evidence);
    assert!(
        evidence.any(|place| place.locator.starts_with("line:")
            && place.test_item.as_deref().is_some_and(|item| item.starts_with("micro-math/test/"))
            && folder.root().join(&place.file).is_file()),
        "{violations:#?}"
    );
}

fn every_number_leads_to_its_run(scene: &Scene) {
    // In attributes, a slash may be written as a character reference.
    let page = std::fs::read_to_string(scene.path("first/leaderboard.html")).unwrap().replace("&#x2f;", "/");
    let runs = RunFolder::list(&scene.path("first/runs")).unwrap();
    assert_eq!(runs.len(), 3);
    for path in runs {
        let (_, spec) = RunFolder::open(path).unwrap();
        let link = format!("runs/{}.html", spec.id);
        assert!(page.contains(&link), "{link}");
        assert!(scene.path("first").join(&link).is_file());
    }
}
