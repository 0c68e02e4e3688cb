//! Marks: why a cell's number is not simply the submission's own.

use ptb_core::audit::Decision;
use ptb_core::score::Provenance;
use serde::Serialize;

use crate::results::{RunState, RunSummary};

/// Why a number needs a second look, or is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The audit flagged the run; the base model's score counts.
    Flagged,
    /// No usable model was submitted; the base model's score counts.
    NoSubmission,
    /// The evaluation failed at every token limit; the base model's score counts.
    EvaluationFailed,
    /// A person has to decide; nothing counts yet.
    NeedsReview,
    /// There is a score but no verdict; nothing counts.
    NoVerdict,
    /// The score contradicts the verdict; nothing counts.
    Contradiction,
    /// The run is not done.
    Unfinished,
    /// A stage of the run failed for a reason that is not the agent's.
    RunFailed,
    /// Several packs, data revisions or scorers share the column.
    Mixed,
}

impl Mark {
    /// All marks, in the order of the footnotes.
    pub const ALL: [Mark; 9] = [
        Mark::Flagged,
        Mark::NoSubmission,
        Mark::EvaluationFailed,
        Mark::NeedsReview,
        Mark::NoVerdict,
        Mark::Contradiction,
        Mark::Unfinished,
        Mark::RunFailed,
        Mark::Mixed,
    ];

    /// The sign that stands beside the number.
    pub fn sign(self) -> &'static str {
        match self {
            Mark::Flagged => "†",
            Mark::NoSubmission => "*",
            Mark::EvaluationFailed => "+",
            Mark::NeedsReview => "?",
            Mark::NoVerdict => "§",
            Mark::Contradiction => "¶",
            Mark::Unfinished => "…",
            Mark::RunFailed => "!",
            Mark::Mixed => "‡",
        }
    }

    /// A few words, for a badge or a screen reader.
    pub fn label(self) -> &'static str {
        match self {
            Mark::Flagged => "flagged",
            Mark::NoSubmission => "no submission",
            Mark::EvaluationFailed => "evaluation failed",
            Mark::NeedsReview => "needs review",
            Mark::NoVerdict => "no verdict",
            Mark::Contradiction => "score contradicts verdict",
            Mark::Unfinished => "not finished",
            Mark::RunFailed => "run failed",
            Mark::Mixed => "not comparable",
        }
    }

    /// The footnote.
    pub fn footnote(self) -> &'static str {
        match self {
            Mark::Flagged => "The audit flagged the run: the base model's score counts.",
            Mark::NoSubmission => "No usable model was submitted: the base model's score counts.",
            Mark::EvaluationFailed => "The evaluation failed at every token limit: the base model's score counts.",
            Mark::NeedsReview => "A person has to decide; until then the run has no counting score.",
            Mark::NoVerdict => "No audit verdict: neither clean nor flagged, so the score does not count.",
            Mark::Contradiction => "Score and verdict contradict each other, so the score does not count.",
            Mark::Unfinished => "The run is not finished.",
            Mark::RunFailed => {
                "A stage of the run failed for a reason that is not the agent's; it can be started again."
            }
            Mark::Mixed => {
                "Different prompt packs, test data, scorers or sample counts share this column: its numbers are not \
                 comparable."
            }
        }
    }

    /// The mark of one run, if its number is not simply the submission's own.
    pub fn of(run: &RunSummary) -> Option<Mark> {
        let Some(score) = &run.score else {
            return Some(match run.state {
                RunState::Failed { .. } => Mark::RunFailed,
                _ => Mark::Unfinished,
            });
        };
        if run.contestant.is_base() {
            return None;
        }
        match (run.decision, score.provenance) {
            (None, _) => Some(Mark::NoVerdict),
            (Some(Decision::NeedsReview), _) => Some(Mark::NeedsReview),
            (Some(Decision::Flagged), Provenance::Submitted)
            | (Some(Decision::Clean), Provenance::BaseFlagged)
            | (Some(_), Provenance::Base) => Some(Mark::Contradiction),
            (_, Provenance::BaseFlagged) => Some(Mark::Flagged),
            (_, Provenance::BaseNoSubmission) => Some(Mark::NoSubmission),
            (_, Provenance::BaseEvaluationFailed) => Some(Mark::EvaluationFailed),
            (Some(Decision::Clean), Provenance::Submitted) => None,
        }
    }
}
