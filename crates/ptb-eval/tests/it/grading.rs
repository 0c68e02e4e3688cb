//! Grading with a scripted grader: what is generated is kept, and grading goes on where it stopped.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;
use ptb_core::definitions::{MetricName, PromptWording, ScorerDefinition};
use ptb_core::evaluation::Metrics;
use ptb_eval::data::Item;
use ptb_eval::engine::ChatRequest;
use ptb_eval::evaluation::{EvaluationError, ModelIdentity, Plan, PlanRequest, evaluate};
use ptb_eval::grader::{Answer, Grade, Grader, GradingError, JudgeExchange, JudgeUsage, OnGrade};
use ptb_eval::scorer::Scored;
use serde_json::json;

use crate::data::embedded;
use crate::evaluation::{items, log_of};
use crate::scripted_engine::{ScriptedEngine, says};

pub const SEED: u64 = 7;

/// Grades by a function of the question; stops after some grades where told so.
pub struct ScriptedGrader<F> {
    grade: F,
    stop_after: Option<(usize, GradingError)>,
    graded: Mutex<Vec<String>>,
}

impl<F> ScriptedGrader<F> {
    pub fn new(grade: F) -> Self {
        Self { grade, stop_after: None, graded: Mutex::new(Vec::new()) }
    }
}

impl<F: Fn(&str) -> Result<Grade, GradingError> + Send + Sync> Grader for ScriptedGrader<F> {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn grade(&self, answers: &[Answer<'_>], on_grade: OnGrade<'_>) -> Result<(), GradingError> {
        for (done, (index, answer)) in answers.iter().enumerate().rev().enumerate() {
            if let Some((after, error)) = &self.stop_after
                && done >= *after
            {
                return Err(error.clone());
            }
            self.graded.lock().unwrap().push(answer.item.id.clone());
            if on_grade(index, (self.grade)(&answer.item.question)) == ControlFlow::Break(()) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn plan(count: usize) -> Plan {
    rubric_plan(items(count))
}

/// An evaluation of these items that a rubric decides.
pub fn rubric_plan(items: Vec<Item>) -> Plan {
    let mut benchmark = embedded("micro-math");
    benchmark.scorer = ScorerDefinition::Rubric;
    benchmark.metric = MetricName::ClippedMean;
    benchmark.grading_costs_money = true;
    let wording = PromptWording { user: "{question}".to_owned(), ..PromptWording::default() };
    let model = ModelIdentity { name: "tiny".to_owned(), hash: "model".to_owned() };
    let request = PlanRequest {
        benchmark: &benchmark,
        wording: &wording,
        model: &model,
        seeds: &[SEED, 8],
        limit: None,
        max_tokens: None,
    };
    Plan::new(&request, items, &[]).unwrap()
}

fn exchange() -> JudgeExchange {
    JudgeExchange {
        subject: "criterion 1".to_owned(),
        request: json!({"model": "judge"}),
        reply: Some("yes".to_owned()),
        problem: None,
        attempts: 2,
        started: Timestamp::now(),
        seconds: 0.5,
        usage: JudgeUsage { input_tokens: 10, cached_tokens: 0, output_tokens: 3, reasoning_tokens: 2 },
        cost_usd: 0.25,
    }
}

pub fn scored(score: f64) -> Grade {
    let scored = Scored { score, extracted_answer: None, reason: "said so".to_owned(), votes: Vec::new() };
    Grade { scored, exchanges: vec![exchange()] }
}

pub fn echo()
-> ScriptedEngine<impl Fn(&ChatRequest) -> Result<ptb_eval::engine::Completion, ptb_eval::engine::EngineError>> {
    ScriptedEngine::new(|request: &ChatRequest| Ok(says(request.messages[0].content.as_str())))
}

fn run(grader: Option<&dyn Grader>, asked: &RefCell<usize>, folder: &Path) -> Result<Metrics, EvaluationError> {
    let engine = echo();
    let metrics = evaluate(&plan(4), &engine, grader, folder, &mut |_| {});
    *asked.borrow_mut() += engine.requests.borrow().len();
    metrics
}

#[test]
fn paid_grading_uses_one_seed_and_says_what_it_cost() {
    let folder = tempfile::tempdir().unwrap();
    let grader = ScriptedGrader::new(|question: &str| Ok(scored(if question == "0" { 0.0 } else { 0.5 })));
    let metrics = run(Some(&grader), &RefCell::default(), folder.path()).unwrap();
    assert_eq!((metrics.seeds.len(), metrics.seeds[0].judge_cost_usd), (1, Some(1.0)));
    assert!((metrics.mean.value - 0.375).abs() < 1e-12);
    let log = log_of(folder.path(), SEED);
    assert_eq!(log["status"], "success");
    assert_eq!(log["samples"][1]["scores"]["rubric"]["value"], 0.5);
    assert_eq!(log["samples"][1]["scores"]["rubric"]["metadata"]["judge"][0]["reply"], "yes");
}

#[test]
fn a_missing_judge_keeps_the_answers_and_grading_goes_on_later() {
    let (folder, asked) = (tempfile::tempdir().unwrap(), RefCell::default());
    let mut grader = ScriptedGrader::new(|_: &str| Ok(scored(1.0)));
    grader.stop_after = Some((0, GradingError::Unavailable("no key in JUDGE_KEY".to_owned())));
    let error = run(Some(&grader), &asked, folder.path()).unwrap_err().to_string();
    assert!(error.contains("answers are kept") && error.contains("JUDGE_KEY"), "{error}");
    let log = log_of(folder.path(), SEED);
    assert_eq!((log["status"].as_str(), log["samples"].as_array().unwrap().len()), (Some("error"), 4));
    assert_eq!(log["samples"][2]["output"]["completion"], "2");

    grader.stop_after = None;
    assert!((run(Some(&grader), &asked, folder.path()).unwrap().mean.value - 1.0).abs() < 1e-12);
    assert_eq!(*asked.borrow(), 4, "nothing is generated twice");
}

#[test]
fn grading_goes_on_at_the_sample_where_it_stopped() {
    let (folder, asked) = (tempfile::tempdir().unwrap(), RefCell::default());
    let mut grader = ScriptedGrader::new(|_: &str| Ok(scored(1.0)));
    grader.stop_after = Some((3, GradingError::Failed("the pool broke".to_owned())));
    let error = run(Some(&grader), &asked, folder.path()).unwrap_err().to_string();
    assert!(error.contains("the pool broke"), "{error}");
    grader.stop_after = None;
    run(Some(&grader), &asked, folder.path()).unwrap();
    assert_eq!(*grader.graded.lock().unwrap(), ["test/3", "test/2", "test/1", "test/0"]);
    assert_eq!(*asked.borrow(), 4);
}

#[test]
fn an_answer_without_a_grade_is_no_zero_and_is_graded_again() {
    let (folder, asked) = (tempfile::tempdir().unwrap(), RefCell::default());
    let bad = ScriptedGrader::new(|question: &str| match question {
        "2" => Err(GradingError::Later { reason: "the judge said nothing".to_owned(), exchanges: vec![exchange()] }),
        _ => Ok(scored(1.0)),
    });
    let metrics = run(Some(&bad), &asked, folder.path()).unwrap();
    assert_eq!((metrics.seeds[0].scored, metrics.seeds[0].errors, metrics.seeds[0].ungraded), (3, 1, 1));
    let log = log_of(folder.path(), SEED);
    assert!(log["samples"][2]["error"]["message"].as_str().unwrap().contains("said nothing"), "{log}");

    let good = ScriptedGrader::new(|_: &str| Ok(scored(1.0)));
    let metrics = run(Some(&good), &asked, folder.path()).unwrap();
    assert_eq!((metrics.seeds[0].errors, metrics.seeds[0].judge_cost_usd), (0, Some(1.25)));
    let log = log_of(folder.path(), SEED);
    assert_eq!(log["samples"][2]["metadata"]["judge_in_vain"].as_array().unwrap().len(), 1);
    assert_eq!(*good.graded.lock().unwrap(), ["test/2"]);
}

#[test]
fn a_sample_that_the_judge_has_no_verdict_on_is_left_out_for_good() {
    let (folder, asked) = (tempfile::tempdir().unwrap(), RefCell::default());
    let grader = ScriptedGrader::new(|question: &str| match question {
        "2" => Err(GradingError::Sample { reason: "no verdict".to_owned(), exchanges: vec![exchange()] }),
        _ => Ok(scored(0.5)),
    });
    let first = run(Some(&grader), &asked, folder.path()).unwrap();
    assert_eq!((first.seeds[0].left_out, first.seeds[0].ungraded, first.seeds[0].errors), (1, 0, 1));
    assert!((first.mean.value - 0.5).abs() < 1e-12);
    assert_eq!(first.seeds[0].judge_cost_usd, Some(1.0), "what was asked in vain costs too");
    run(Some(&grader), &asked, folder.path()).unwrap();
    assert_eq!(grader.graded.lock().unwrap().len(), 4);
}

#[test]
fn an_evaluation_that_needs_a_grader_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(None, &RefCell::default(), folder.path()).unwrap_err().to_string();
    assert!(error.contains("micro-math has no grader"), "{error}");
}
