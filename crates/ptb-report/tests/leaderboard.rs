//! The leaderboard and its exports, from run folders.

#[path = "fixture/mod.rs"]
mod fixture;

use std::fs;

use fixture::{Bench, estimate};
use ptb_core::audit::Decision;
use ptb_core::event::EventKind;
use ptb_core::score::Provenance;
use ptb_core::stage::Stage;
use ptb_report::leaderboard::{Mark, Row};
use ptb_report::statistics::Spread;
use ptb_report::{Leaderboard, Results, csv, export, markdown, notation, terminal_table, write_leaderboard_json};

fn read(bench: &Bench) -> (Results, Leaderboard) {
    let results = Results::read(&bench.runs()).unwrap();
    let leaderboard = Leaderboard::new(&results);
    (results, leaderboard)
}

fn row<'a>(leaderboard: &'a Leaderboard, id: &str) -> &'a Row {
    leaderboard.rows.iter().find(|row| row.contestant.id() == id).unwrap()
}

#[test]
fn the_honest_agent_leads_and_the_flagged_one_counts_as_base() {
    let (_, leaderboard) = read(&Bench::three_rows());
    let order: Vec<_> = leaderboard.rows.iter().map(|row| (row.rank, row.contestant.id())).collect();
    assert_eq!(order, [(Some(1), "recipe-sft"), (Some(2), "cheat-testset"), (None, "base")]);
    let cheat = row(&leaderboard, "cheat-testset");
    assert_eq!(cheat.average, row(&leaderboard, "base").average);
    assert_eq!(cheat.marks().into_iter().collect::<Vec<_>>(), [Mark::Flagged]);
    assert_eq!(
        cheat.cells[0].uncounted_submission.map(|submission| notation::summary(&submission)).unwrap(),
        "0.980 ± 0.010"
    );
    assert!(row(&leaderboard, "recipe-sft").cells[0].uncounted_submission.is_none());
}

#[test]
fn what_is_not_decided_is_not_scored() {
    let mut bench = Bench::three_rows();
    let unaudited = bench.run(Some(("unaudited", "Unaudited")), "micro-math", 1);
    unaudited.session(10.0).score(Provenance::Submitted, Some(estimate(0.99, 0.01)), estimate(0.99, 0.01));
    let review = bench.run(Some(("review", "Review")), "micro-math", 1);
    review.session(10.0).verdict(Decision::NeedsReview, &[]);
    review.score(Provenance::Submitted, None, estimate(0.99, 0.01));
    let contradiction = bench.run(Some(("contradiction", "Contradiction")), "micro-math", 1);
    contradiction.session(10.0).verdict(Decision::Flagged, &[]);
    contradiction.score(Provenance::Submitted, Some(estimate(0.99, 0.01)), estimate(0.99, 0.01));
    bench.run(Some(("running", "Running")), "micro-math", 1).session(10.0);
    let failed = bench.run(Some(("failed", "Failed")), "micro-math", 1);
    let error = "no space left".to_owned();
    failed.folder.events().append(EventKind::StageFailed { stage: Stage::Prepare, error }).unwrap();

    let (_, leaderboard) = read(&bench);
    for (id, mark) in [
        ("unaudited", Mark::NoVerdict),
        ("review", Mark::NeedsReview),
        ("contradiction", Mark::Contradiction),
        ("running", Mark::Unfinished),
        ("failed", Mark::RunFailed),
    ] {
        let row = row(&leaderboard, id);
        assert_eq!((row.rank, row.average), (None, None), "{id}");
        assert_eq!(row.marks().into_iter().collect::<Vec<_>>(), [mark], "{id}");
    }
    assert_eq!(row(&leaderboard, "recipe-sft").rank, Some(1));
}

#[test]
fn a_missing_submission_counts_as_base_with_its_mark() {
    let mut bench = Bench::three_rows();
    let lazy = bench.run(Some(("lazy", "Lazy")), "micro-math", 1);
    lazy.session(10.0).verdict(Decision::Clean, &[]);
    lazy.score_of(Provenance::BaseNoSubmission, Some(estimate(0.01, 0.007)), None);
    let (_, leaderboard) = read(&bench);
    let lazy = row(&leaderboard, "lazy");
    assert_eq!(lazy.marks().into_iter().collect::<Vec<_>>(), [Mark::NoSubmission]);
    assert_eq!((lazy.rank, row(&leaderboard, "cheat-testset").rank), (Some(2), Some(2)), "equal averages share a rank");
}

fn submit(bench: &mut Bench, agent: &str, benchmark: &str, replicate: u32, value: f64) {
    let run = bench.run(Some((agent, agent)), benchmark, replicate);
    run.session(10.0).verdict(Decision::Clean, &[]).metrics(estimate(value, 0.02));
    run.score(Provenance::Submitted, Some(estimate(value, 0.02)), estimate(value, 0.02));
}

#[test]
fn replicates_give_a_mean_and_a_sample_deviation() {
    let mut bench = Bench::new();
    for (replicate, value) in [(1, 0.5), (2, 0.7), (3, 0.9)] {
        submit(&mut bench, "a", "micro-math", replicate, value);
    }
    let (_, leaderboard) = read(&bench);
    let cell = row(&leaderboard, "a").cells[0].score.unwrap();
    assert!((cell.value - 0.7).abs() < 1e-12);
    assert!(matches!(cell.spread, Some(Spread::Deviation(value)) if (value - 0.2).abs() < 1e-12), "{cell:?}");
}

#[test]
fn the_latest_run_of_a_replicate_stands_for_it() {
    let mut bench = Bench::new();
    submit(&mut bench, "a", "micro-math", 1, 0.5);
    submit(&mut bench, "a", "micro-math", 1, 0.6);
    bench.run(Some(("a", "a")), "micro-math", 1).session(10.0);
    let (_, leaderboard) = read(&bench);
    let row = row(&leaderboard, "a");
    assert_eq!(row.average.map(|average| notation::summary(&average)).unwrap(), "0.600 ± 0.020");
    assert_eq!(row.cells[0].runs.len(), 1);
}

#[test]
fn an_agent_without_a_score_on_every_task_has_no_rank() {
    let mut bench = Bench::new();
    submit(&mut bench, "all", "micro-math", 1, 0.2);
    submit(&mut bench, "all", "micro-format", 1, 0.2);
    submit(&mut bench, "some", "micro-math", 1, 0.9);
    let (_, leaderboard) = read(&bench);
    let order: Vec<_> = leaderboard.rows.iter().map(|row| (row.contestant.id(), row.rank)).collect();
    assert_eq!(order, [("all", Some(1)), ("some", None)]);
    assert!(terminal_table(&leaderboard, None).contains("0.900 ± 0.020 (1 of 2 tasks)"));
}

#[test]
fn numbers_of_different_scorers_in_one_column_are_marked() {
    let mut bench = Bench::new();
    submit(&mut bench, "a", "micro-math", 1, 0.2);
    assert!(!read(&bench).1.marks().contains(&Mark::Mixed));
    let other = bench.run(Some(("b", "b")), "micro-math", 1);
    other.session(10.0).verdict(Decision::Clean, &[]).metrics_of(estimate(0.3, 0.02), "inspect");
    other.score(Provenance::Submitted, Some(estimate(0.3, 0.02)), estimate(0.3, 0.02));
    let (_, leaderboard) = read(&bench);
    assert!(leaderboard.marks().contains(&Mark::Mixed));
    assert!(terminal_table(&leaderboard, None).contains("Micro math ‡"));
}

#[test]
fn an_unreadable_folder_is_reported_and_stops_nothing() {
    let mut bench = Bench::three_rows();
    let broken = bench.run(Some(("broken", "Broken")), "micro-math", 1);
    fs::write(broken.folder.root().join("score.json"), "{").unwrap();
    let (results, leaderboard) = read(&bench);
    assert_eq!((results.runs.len(), results.unreadable.len()), (3, 1));
    assert!(results.unreadable[0].error.contains("score.json"), "{}", results.unreadable[0].error);
    assert!(terminal_table(&leaderboard, None).contains("cannot be read and is not in the table"));
    assert!(Results::read(&bench.path().join("absent")).unwrap().runs.is_empty());
}

#[test]
fn the_same_results_give_the_same_scores_bytes() {
    let (first, mut second) = (Bench::three_rows(), Bench::new());
    // Other ids and other times, the same scores.
    second.run(None, "micro-math", 1).base(estimate(0.01, 0.007));
    let cheat = second.run(Some(("cheat-testset", "Trains on the test set")), "micro-math", 1);
    cheat.session(90.0).verdict(Decision::Flagged, &[]).metrics(estimate(0.98, 0.01));
    cheat.score(Provenance::BaseFlagged, Some(estimate(0.01, 0.007)), estimate(0.98, 0.01));
    let honest = second.run(Some(("recipe-sft", "Honest recipe")), "micro-math", 1);
    honest.session(80.0).verdict(Decision::Clean, &[]).metrics(estimate(0.91, 0.02));
    honest.score(Provenance::Submitted, Some(estimate(0.91, 0.02)), estimate(0.91, 0.02));
    let bytes = |bench: &Bench| export::leaderboard_json(&read(bench).1);
    let (first, second) = (bytes(&first), bytes(&second));
    assert_eq!(serde_json::to_vec(&first["scores"]).unwrap(), serde_json::to_vec(&second["scores"]).unwrap());
    assert_ne!(first["runs"], second["runs"]);
}

#[test]
fn every_export_says_that_the_flagged_score_does_not_count() {
    let bench = Bench::three_rows();
    let (_, leaderboard) = read(&bench);
    let path = bench.path().join("leaderboard.json");
    write_leaderboard_json(&leaderboard, &path).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["scores"]["rows"][1]["cells"][0]["marks"][0], "flagged");
    assert_eq!(json["scores"]["rows"][1]["cells"][0]["replicates"][0]["provenance"], "base (flagged)");

    let table = terminal_table(&leaderboard, Some(100));
    assert!(table.contains("0.910 ± 0.020") && table.contains("0.010 ± 0.007 †"), "{table}");
    assert!(table.contains("the submission itself reached 0.980 ± 0.010; it does not count"), "{table}");
    assert!(markdown(&leaderboard).contains("| 1 | Honest recipe | 0.910 ± 0.020 | 71 s / 2 min |"));
    let csv = csv(&leaderboard);
    assert!(csv.contains("2,agent,cheat-testset,Trains on the test set,micro-math,micro-base,1,done,0.01,0.007,base (flagged),flagged,0.98,0.01,48.2,120,"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
}

#[test]
fn a_title_cannot_steer_the_terminal() {
    let mut bench = Bench::new();
    bench.run(Some(("a", "\u{1b}[2Ja\u{7}\u{9b}")), "micro-math", 1);
    let table = terminal_table(&read(&bench).1, Some(80));
    assert!(table.contains("[2Ja") && table.chars().all(|character| character == '\n' || !character.is_control()));
}
