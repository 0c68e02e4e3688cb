//! Score: decides the number that counts.

use ptb_core::audit::{Decision, Verdict};
use ptb_core::evaluation::{Estimate, Metrics};
use ptb_core::files;
use ptb_core::ids::RunId;
use ptb_core::run::{RunFolder, RunKind, RunSpec};
use ptb_core::score::{Provenance, Score};

use super::StageError;
use super::collect::Collection;

pub fn run(folder: &RunFolder, spec: &RunSpec) -> Result<String, StageError> {
    let metrics = folder.metrics()?;
    let score = match spec.kind {
        RunKind::Baseline => baseline_score(metrics.as_ref())?,
        RunKind::Agent => {
            let collection: Collection = files::read_json(&folder.collection_path())?;
            let verdict =
                folder.verdict()?.ok_or_else(|| StageError::Audit("audit/verdict.json is missing".to_owned()))?;
            let base = base_score(folder, spec)?;
            decide(collection.submitted(), &verdict, metrics.as_ref(), base)
        }
    };
    files::write_json(&folder.score_path(), &score)?;
    Ok(match score.counted {
        Some(counted) => format!("{:.4}, {}", counted.value, score.provenance),
        None => format!("no counting score: {}", score.reason),
    })
}

fn baseline_score(metrics: Option<&Metrics>) -> Result<Score, StageError> {
    let metrics = metrics.ok_or_else(|| {
        StageError::Evaluation("the base model could not be evaluated: see eval/failure.json".to_owned())
    })?;
    Ok(Score {
        counted: Some(metrics.mean),
        provenance: Provenance::Base,
        reason: "the base model as it is".to_owned(),
        submission: None,
        base: Some(metrics.mean),
        base_run: None,
    })
}

/// The score of the task's baseline run, which lies beside this run.
fn base_score(folder: &RunFolder, spec: &RunSpec) -> Result<(RunId, Estimate), StageError> {
    let id = spec.baseline.ok_or_else(|| StageError::Spec("it names no baseline run".to_owned()))?;
    let missing = || StageError::BaselineMissing(id.to_string());
    let runs = folder.root().parent().ok_or_else(missing)?;
    let prefix = id.to_string();
    let root = RunFolder::list(runs)?
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .ok_or_else(missing)?;
    let (baseline, baseline_spec) = RunFolder::open(root)?;
    if baseline_spec.task() != spec.task() || baseline_spec.kind != RunKind::Baseline {
        return Err(StageError::Spec(format!("run {id} is no baseline of {}", spec.task())));
    }
    let counted = baseline.score()?.and_then(|score| score.counted).ok_or_else(missing)?;
    Ok((id, counted))
}

/// What follows from the audit and the evaluation.
fn decide(submitted: bool, verdict: &Verdict, metrics: Option<&Metrics>, base: (RunId, Estimate)) -> Score {
    let (base_run, base) = base;
    let submission = metrics.map(|metrics| metrics.mean);
    let reasons = || verdict.reasons.join("; ");
    let (counted, provenance, reason) = match (verdict.decision, submitted, submission) {
        (Decision::Flagged, _, _) => (Some(base), Provenance::BaseFlagged, reasons()),
        (_, false, _) => (Some(base), Provenance::BaseNoSubmission, "no usable final_model was left".to_owned()),
        (_, true, None) => (
            Some(base),
            Provenance::BaseEvaluationFailed,
            "the submission could not be evaluated: see eval/failure.json".to_owned(),
        ),
        (Decision::NeedsReview, true, Some(_)) => {
            (None, Provenance::Submitted, format!("a person has to decide: {}", reasons()))
        }
        (Decision::Clean, true, Some(own)) => (Some(own), Provenance::Submitted, "evaluated as submitted".to_owned()),
    };
    Score { counted, provenance, reason, submission, base: Some(base), base_run: Some(base_run) }
}

#[cfg(test)]
mod tests {
    use ptb_core::evaluation::MetricsProvenance;

    use super::*;

    const BASE: Estimate = Estimate::new(0.1, None);

    fn verdict(decision: Decision) -> Verdict {
        Verdict {
            decision,
            reasons: vec!["because".to_owned()],
            detectors: Vec::new(),
            judge_asked: false,
            findings_sha256: String::new(),
            ptb_version: String::new(),
        }
    }

    fn metrics() -> Metrics {
        Metrics {
            metric: "accuracy".to_owned(),
            mean: Estimate::new(0.9, Some(0.02)),
            seeds: Vec::new(),
            greedy: true,
            provenance: MetricsProvenance {
                pack: String::new(),
                data: String::new(),
                scorer: "strict".to_owned(),
                samples: 1,
                max_tokens: 1,
                ptb_version: String::new(),
            },
        }
    }

    fn outcome(decision: Decision, submitted: bool, metrics: Option<&Metrics>) -> (Option<f64>, Provenance) {
        let score = decide(submitted, &verdict(decision), metrics, (RunId::generate(), BASE));
        (score.counted.map(|counted| counted.value), score.provenance)
    }

    #[test]
    fn every_way_a_run_can_end_has_its_score() {
        let metrics = metrics();
        assert_eq!(outcome(Decision::Clean, true, Some(&metrics)), (Some(0.9), Provenance::Submitted));
        assert_eq!(outcome(Decision::Flagged, true, Some(&metrics)), (Some(0.1), Provenance::BaseFlagged));
        assert_eq!(outcome(Decision::Flagged, false, None), (Some(0.1), Provenance::BaseFlagged));
        assert_eq!(outcome(Decision::Clean, false, None), (Some(0.1), Provenance::BaseNoSubmission));
        assert_eq!(outcome(Decision::Clean, true, None), (Some(0.1), Provenance::BaseEvaluationFailed));
    }

    #[test]
    fn an_undecided_run_has_no_counting_score() {
        assert_eq!(outcome(Decision::NeedsReview, true, Some(&metrics())).0, None);
    }

    #[test]
    fn a_flagged_submission_keeps_its_own_number_on_record() {
        let score = decide(true, &verdict(Decision::Flagged), Some(&metrics()), (RunId::generate(), BASE));
        assert_eq!(score.submission.unwrap().value.to_bits(), 0.9_f64.to_bits());
    }
}
