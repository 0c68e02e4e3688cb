//! What a running evaluation shows.

use indicatif::{ProgressBar, ProgressStyle};
use ptb_eval::evaluation::Progress;
use ptb_eval::judge::CostEstimate;

use crate::output;

/// A bar of samples; on a terminal only.
pub struct Bar(ProgressBar);

impl Bar {
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub fn show(&self, progress: Progress<'_>) {
        match progress {
            Progress::SeedStarted { total, reused, .. } => {
                self.0.set_message("samples");
                self.0.set_length(total as u64);
                self.0.set_position(reused as u64);
            }
            Progress::GradingStarted { answers, grader, expected_cost, .. } => {
                if let Some(cost) = expected_cost {
                    self.0.suspend(|| output::say(expectation(&cost)));
                }
                self.0.set_message(format!("graded by {grader}"));
                self.0.set_length(answers as u64);
                self.0.set_position(0);
            }
            Progress::SampleDone(_) | Progress::SampleGraded(_) => self.0.inc(1),
            Progress::AttemptFailed { error, .. } => {
                self.0.suspend(|| output::say(format!("trying again: {error}")));
            }
        }
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn expectation(cost: &CostEstimate) -> String {
    let CostEstimate { requests, input_tokens, usd, most_usd } = cost;
    format!("the judge gets {requests} requests with about {input_tokens} tokens: ${usd:.2}, at most ${most_usd:.2}")
}
