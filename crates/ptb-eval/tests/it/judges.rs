//! Judges behind servers that behave well and badly.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ptb_core::definitions::{Catalog, JudgeSettings};
use ptb_eval::data::{Criterion, Item, Reference};
use ptb_eval::engine::{ChatRequest, Completion};
use ptb_eval::evaluation::evaluate;
use ptb_eval::grader::{Answer, Grade, Grader, GradingError};
use ptb_eval::http::{ApiKey, Backoff};
use ptb_eval::judge::{
    ByComparison, ByRubric, Judge, JudgeGrader, PairwiseGrader, Protocol, RetryRule, RubricGrader, judge_of,
};
use ptb_eval::prompt::load_pack;
use serde_json::json;

use crate::chat_server::{Act, ChatServer, Received};
use crate::data::embedded;
use crate::evaluation::log_of;
use crate::golden_judges::{settings, wording};
use crate::grading::rubric_plan;
use crate::scripted_engine::{ScriptedEngine, says};

const KEY: &str = "sk-never-to-be-seen";
const MET: &str = r#"{"explanation": "e", "criteria_met": true}"#;
const NOT_MET: &str = r#"{"explanation": "e", "criteria_met": false}"#;

fn judge(server: &ChatServer, rule: RetryRule, change: impl FnOnce(&mut JudgeSettings)) -> Judge {
    let mut settings = JudgeSettings { base_url: format!("{}/v1/", server.url), ..settings(Some("medium")) };
    change(&mut settings);
    let millisecond = Duration::from_millis(1);
    let backoff = Backoff { first: millisecond, most: 2 * millisecond, most_asked: Duration::from_secs(5) };
    let rule = RetryRule { pause: millisecond, ..rule };
    Judge::new(settings, ApiKey::new(KEY, "here").unwrap(), rule).with_patience(backoff, Duration::from_secs(2))
}

fn rubric(server: &ChatServer) -> RubricGrader {
    let protocol = ByRubric::new(wording(None, "{conversation}\n{criterion}", false)).unwrap();
    JudgeGrader::new(protocol, Ok(judge(server, RetryRule::rubric(3), |_| {})))
}

fn pairwise(server: &ChatServer) -> PairwiseGrader {
    let wording = wording(Some("Which is better?"), "{question}|{answer_a}|{answer_b}", false);
    JudgeGrader::new(ByComparison::new(wording, 3).unwrap(), Ok(judge(server, RetryRule::pairwise(3), |_| {})))
}

/// An item with these points, whose criteria are called `c0`, `c1` and so on.
fn item(id: &str, points: &[f64]) -> Item {
    let criterion = |(place, points): (usize, &f64)| Criterion {
        criterion: format!("c{place}"),
        points: *points,
        tags: Vec::new(),
    };
    let reference = Reference::Rubric(points.iter().enumerate().map(criterion).collect());
    Item { id: id.to_owned(), question: "Well?".to_owned(), reference, ..Item::default() }
}

fn compared(id: &str) -> Item {
    let reference = Reference::Baseline("the baseline".to_owned());
    Item { id: id.to_owned(), question: "Well?".to_owned(), reference, ..Item::default() }
}

type Grades = Vec<Option<Result<Grade, GradingError>>>;

fn grade_all(grader: &dyn Grader, items: &[Item], text: &str) -> (Grades, Result<(), GradingError>) {
    let completion = Completion::of_text(text);
    let answers: Vec<_> = items.iter().map(|item| Answer { item, completion: &completion }).collect();
    let mut marks: Grades = items.iter().map(|_| None).collect();
    let ended = grader.grade(&answers, &mut |index, grade| {
        assert!(marks[index].replace(grade).is_none(), "graded twice");
        ControlFlow::Continue(())
    });
    (marks, ended)
}

/// The grade of a single answer.
fn grade<P: Protocol>(grader: &JudgeGrader<P>, item: Item) -> Result<Grade, GradingError> {
    let (mut marks, ended) = grade_all(grader, &[item], "an answer");
    marks.remove(0).unwrap_or_else(|| Err(ended.expect_err("no grade and no error")))
}

fn score(grade: &Result<Grade, GradingError>) -> f64 {
    grade.as_ref().unwrap().scored.score
}

#[test]
fn a_rubric_is_asked_about_criterion_by_criterion() {
    let server =
        ChatServer::start(|request| Act::says(if request.question().contains("] c1") { NOT_MET } else { MET }));
    let grade = grade(&rubric(&server), item("a", &[5.0, 3.0, -2.0])).unwrap();
    assert!((grade.scored.score - 3.0 / 8.0).abs() < 1e-12);
    assert_eq!(grade.scored.reason, "3 of 8 points, 2 of 3 criteria met");
    let subjects: Vec<_> = grade.exchanges.iter().map(|exchange| exchange.subject.as_str()).collect();
    assert_eq!(subjects, ["criterion 1", "criterion 2", "criterion 3"]);
    let first = &grade.exchanges[0];
    assert_eq!((first.reply.as_deref(), first.attempts, first.usage.input_tokens), (Some(MET), 1, 7));
    assert!((first.cost_usd - (7.0 * 0.25 + 3.0 * 2.0) / 1e6).abs() < 1e-15);
    let received = server.received();
    assert!(received.iter().all(|request| request.head.contains(&format!("authorization: bearer {KEY}"))));
    assert!(received[0].head.starts_with("post /v1/chat/completions "));
    let question = "user: Well?\n\nassistant: an answer\n[5] c0";
    assert!(received.iter().any(|request| request.question() == question), "{received:?}");
}

#[test]
fn two_answers_are_compared_in_both_orders() {
    let server = ChatServer::start(|_| Act::says("Both are fine. [[A>>B]]"));
    let grade = grade(&pairwise(&server), compared("a")).unwrap();
    assert_eq!(grade.scored.votes, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    assert!((grade.scored.score - 0.5).abs() < f64::EPSILON);
    assert_eq!(grade.scored.reason, "baseline first: A>>B, candidate first: A>>B");
    let mut questions: Vec<_> = server.received().iter().map(|request| request.question().to_owned()).collect();
    questions.sort();
    assert_eq!(questions, ["Well?|an answer|the baseline", "Well?|the baseline|an answer"]);
    assert_eq!(server.received()[0].body["reasoning_effort"], "medium");
}

#[test]
fn a_refused_parameter_is_left_out() {
    let server = ChatServer::start(|request| {
        if request.body["reasoning_effort"].is_null() {
            return Act::says("[[B>A]]");
        }
        Act::json(400, &json!({"error": {"message": "Unsupported parameter: 'reasoning_effort'"}}))
    });
    let grade = grade(&pairwise(&server), compared("a")).unwrap();
    assert_eq!(grade.exchanges.iter().map(|exchange| exchange.attempts).collect::<Vec<_>>(), [2, 2]);
    assert!(grade.exchanges.iter().all(|exchange| exchange.problem.is_none()));
}

/// The grade of one criterion by a server that first does something else so many times.
fn after(times: usize, act: fn() -> Act) -> (Result<Grade, GradingError>, ChatServer) {
    let server = ChatServer::start(move |request| if request.number < times { act() } else { Act::says(MET) });
    (grade(&rubric(&server), item("a", &[1.0])), server)
}

#[test]
fn troubles_that_pass_cost_nothing() {
    let troubles: [fn() -> Act; 9] = [
        || Act::says("I think it is met"),
        || Act::json(200, &json!({"choices": []})),
        || Act::json(200, &json!({"choices": [{"message": {"content": null, "refusal": "no"}}]})),
        || Act::Reply(200, "", b"{\"choices\": [{\"message\": {\"content\": \"\xff\xfe\"}}]}".to_vec()),
        || Act::json(500, &json!({"error": "oops"})),
        || Act::Reply(429, "Retry-After: 0\r\n", Vec::new()),
        || Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\"".to_vec()),
        || Act::Raw(b"not HTTP at all\r\n\r\n".to_vec()),
        || Act::Raw(Vec::new()),
    ];
    for (number, trouble) in troubles.into_iter().enumerate() {
        let (grade, server) = after(2, trouble);
        assert!((score(&grade) - 1.0).abs() < f64::EPSILON, "trouble {number}: {grade:?}");
        assert_eq!(server.received().len(), 3, "trouble {number}");
    }
}

#[test]
fn a_flood_is_not_read_to_its_end() {
    let (grade, server) = after(1, || Act::Flood(100 << 20));
    assert!((score(&grade) - 1.0).abs() < f64::EPSILON, "{grade:?}");
    assert_eq!(server.received().len(), 2);
}

#[test]
fn a_server_that_says_nothing_is_left_after_a_while() {
    let (grade, _server) = after(1, || Act::Stall);
    assert!((score(&grade) - 1.0).abs() < f64::EPSILON, "{grade:?}");
}

#[test]
fn a_pause_that_the_server_asks_for_is_kept() {
    let start = Instant::now();
    let (grade, _server) = after(1, || Act::Reply(429, "Retry-After: 1\r\n", Vec::new()));
    assert!(grade.is_ok() && start.elapsed() >= Duration::from_secs(1));
    let start = Instant::now();
    let (grade, _server) = after(9, || Act::Reply(503, "Retry-After: 86400\r\n", Vec::new()));
    assert!(matches!(grade, Err(GradingError::Later { .. })) && start.elapsed() < Duration::from_secs(5), "{grade:?}");
}

#[test]
fn a_judge_that_never_gives_a_verdict_counts_as_in_the_field() {
    let server =
        ChatServer::start(|request| Act::says(if request.question().contains("] c1") { "maybe" } else { MET }));
    let grade = grade(&rubric(&server), item("a", &[5.0, 3.0])).unwrap();
    assert!((grade.scored.score - 5.0 / 8.0).abs() < 1e-12);
    assert!(grade.scored.reason.ends_with("1 without a usable verdict count as not met"), "{}", grade.scored.reason);
    let silent = &grade.exchanges[1];
    assert_eq!((silent.reply.as_deref(), silent.attempts), (None, 3));
    assert!(silent.problem.as_deref().is_some_and(|problem| problem.contains("maybe")), "{silent:?}");
    let server = ChatServer::start(|_| Act::says("[[A]] wins"));
    let error = self::grade(&pairwise(&server), compared("a")).unwrap_err();
    assert!(
        matches!(&error, GradingError::Sample { reason, exchanges } if reason.contains("no verdict") && exchanges.len() == 2),
        "{error}"
    );
    assert_eq!(server.received().len(), 6);
}

#[test]
fn an_answer_that_the_judge_was_not_heard_about_has_no_score() {
    let server = ChatServer::start(|request| match request.question() {
        text if text.contains("broken") => Act::json(500, &json!({})),
        text if text.contains("forbidden") => Act::json(400, &json!({"error": "this is against the rules"})),
        _ => Act::says(MET),
    });
    let mut items = ["a", "b", "c", "d"].map(|id| item(id, &[1.0, 1.0]));
    items[1].question = "broken".to_owned();
    items[2].question = "forbidden".to_owned();
    let (marks, ended) = grade_all(&rubric(&server), &items, "an answer");
    assert!(marks[0].as_ref().is_some_and(Result::is_ok) && marks[3].as_ref().is_some_and(Result::is_ok));
    assert!(matches!(&marks[1], Some(Err(GradingError::Later { exchanges, .. })) if exchanges.len() == 2));
    let refused = |reason: &str| reason.contains("against the rules");
    assert!(matches!(&marks[2], Some(Err(GradingError::Sample { reason, .. })) if refused(reason)));
    let message = ended.unwrap_err().to_string();
    assert!(message.contains("1 answers have no grade yet") && message.contains("--resume"), "{message}");
}

#[test]
fn a_refused_key_ends_the_grading_and_is_not_shown() {
    let server = ChatServer::start(|request| {
        // Servers like to repeat the key that they refuse.
        Act::json(401, &json!({"error": {"message": format!("Incorrect API key: {}", request.head)}}))
    });
    let items = vec![item("a", &[1.0; 30]); 10];
    let (marks, ended) = grade_all(&rubric(&server), &items, "an answer");
    assert!(marks.iter().all(Option::is_none) && server.received().len() < 20);
    let message = ended.unwrap_err().to_string();
    for word in ["gpt-5-mini", &server.url, "401", "PTB_TEST_KEY", "--resume"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    assert!(!message.contains("never-to-be-seen"), "{message}");
}

#[test]
fn no_key_is_in_what_is_kept() {
    let server = ChatServer::start(|request| Act::json(400, &json!({"error": request.head})));
    let grader = rubric(&server);
    let (marks, _) = grade_all(&grader, &[item("a", &[1.0])], "an answer");
    assert!(!format!("{marks:?} {grader:?}").contains("never-to-be-seen"));
}

#[test]
fn without_a_key_grading_says_what_is_missing() {
    let protocol = ByRubric::new(wording(None, "{conversation} {criterion}", false)).unwrap();
    let grader = JudgeGrader::new(protocol, Err("the judge's key is missing: set PTB_TEST_KEY".to_owned()));
    let (marks, ended) = grade_all(&grader, &[item("a", &[1.0])], "an answer");
    assert_eq!(marks, [None]);
    let Err(GradingError::Unavailable(message)) = ended else { panic!("{ended:?}") };
    assert!(message.contains("set PTB_TEST_KEY") && message.contains("`ptb eval --resume`"), "{message}");
}

#[test]
fn a_judge_out_of_reach_is_given_up_soon() {
    let server = ChatServer::start(|_| Act::Raw(Vec::new()));
    let items: Vec<_> = (0..100).map(|number| item(&number.to_string(), &[1.0; 5])).collect();
    let (marks, ended) = grade_all(&rubric(&server), &items, "an answer");
    assert!(!marks.iter().flatten().any(Result::is_ok));
    assert!(matches!(&ended, Err(GradingError::Unavailable(said)) if said.contains("does not answer")), "{ended:?}");
    assert!(server.received().len() < 500, "{}", server.received().len());
}

#[test]
fn grades_come_as_soon_as_they_are_complete() {
    let server = ChatServer::start(|_| Act::says(MET).after(Duration::from_millis(20)));
    let items: Vec<_> = (0..10).map(|number| item(&number.to_string(), &[1.0; 4])).collect();
    let completion = Completion::of_text("an answer");
    let answers: Vec<_> = items.iter().map(|item| Answer { item, completion: &completion }).collect();
    let mut seen = 0;
    let ended = rubric(&server).grade(&answers, &mut |_, grade| {
        assert!(grade.is_ok());
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((ended, seen), (Ok(()), 3));
    assert!(server.received().len() < 30 && server.most_open() == 8, "{}", server.most_open());
}

#[test]
fn requests_a_minute_are_kept_to() {
    let server = ChatServer::start(|_| Act::says(MET));
    let protocol = ByRubric::new(wording(None, "{conversation} {criterion}", false)).unwrap();
    let slow = judge(&server, RetryRule::rubric(1), |settings| settings.requests_per_minute = Some(600));
    let start = Instant::now();
    let grade = grade(&JudgeGrader::new(protocol, Ok(slow)), item("a", &[1.0; 8]));
    assert!(grade.is_ok() && start.elapsed() >= Duration::from_millis(650), "{:?}", start.elapsed());
}

#[test]
fn items_that_do_not_fit_are_said_by_name() {
    let server = ChatServer::start(|_| Act::says(MET));
    let error = grade(&rubric(&server), compared("no-rubric")).unwrap_err().to_string();
    assert!(error.contains("no-rubric has no criteria"), "{error}");
    let error = grade(&pairwise(&server), item("no-baseline", &[1.0])).unwrap_err().to_string();
    assert!(error.contains("no-baseline has no baseline answer"), "{error}");
    assert!(server.received().is_empty());
}

#[test]
fn one_answer_can_be_graded_on_its_own() {
    let server = ChatServer::start(|_: &Received| Act::says(MET));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let grader = rubric(&server);
    let grade = runtime.block_on(grader.grade_answer(&item("a", &[1.0, 2.0]), "<think>hm</think>an answer"));
    assert!((score(&grade) - 1.0).abs() < f64::EPSILON);
    assert!(server.received().iter().all(|request| !request.question().contains("hm")), "thinking is not judged");
    let estimate = grader.estimate(&[(&item("a", &[1.0, 2.0]), "an answer")]).unwrap();
    assert_eq!(estimate.requests, 2);
}

#[test]
fn an_evaluation_goes_on_where_the_judge_left_it() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let server = ChatServer::start(move |request| match request.question() {
        text if text.contains("fragile") && state.load(Ordering::SeqCst) => Act::json(500, &json!({})),
        text if text.contains("] c1") => Act::says(NOT_MET),
        _ => Act::says(MET),
    });
    let mut items: Vec<_> = ["a", "b", "c"].map(|id| item(id, &[1.0, 3.0])).into();
    for (item, theme) in items.iter_mut().zip(["early", "late", "late"]) {
        item.tags = vec![format!("theme:{theme}")];
    }
    items[1].question = "fragile".to_owned();
    let (plan, folder) = (rubric_plan(items), tempfile::tempdir().unwrap());
    let run = || {
        let engine = ScriptedEngine::new(|_: &ChatRequest| Ok(says("an answer")));
        evaluate(&plan, &engine, Some(&rubric(&server)), folder.path(), &mut |_| {})
    };
    let message = run().unwrap_err().to_string();
    assert!(message.contains("1 answers have no grade yet"), "{message}");
    broken.store(false, Ordering::SeqCst);
    let before = server.received().len();
    let metrics = run().unwrap();
    assert_eq!(server.received().len() - before, 2, "only the missing answer is judged");
    let seed = &metrics.seeds[0];
    assert!((metrics.mean.value - 0.25).abs() < 1e-12 && metrics.mean.standard_error.is_some());
    let parts: Vec<_> = seed.parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(parts, ["axis:unknown=0.25", "theme:early=0.25", "theme:late=0.25"]);
    assert!((seed.judge_cost_usd.unwrap() - 6.0 * 7.75e-6).abs() < 1e-12);
    let log = log_of(folder.path(), metrics.seeds[0].seed);
    let exchanges = log["samples"][1]["scores"]["rubric"]["metadata"]["judge"].as_array().unwrap();
    assert_eq!((exchanges.len(), exchanges[1]["reply"].as_str()), (2, Some(NOT_MET)));
}

#[test]
fn the_default_pack_has_words_for_every_judge() {
    let pack = load_pack("default", &Catalog::embedded().unwrap()).unwrap();
    let judge = |name: &str| judge_of(&embedded(name), pack.prompts[name].judge.as_ref()).unwrap();
    let names = ["healthbench", "arenahardwriting"].map(|name| judge(name).unwrap().name().to_owned());
    assert_eq!(names, ["rubric", "pairwise"]);
    assert!(judge("gsm8k").is_none());
    let error = judge_of(&embedded("healthbench"), None).err().unwrap().to_string();
    assert!(error.contains("[prompts.healthbench.judge]"), "{error}");
}
