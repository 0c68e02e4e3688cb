//! The text that states the task and the rules.

use minijinja::{Environment, UndefinedBehavior, context};
use ptb_core::run::RunSpec;
use thiserror::Error;

const TEMPLATE: &str = include_str!("../../../definitions/instructions/task.md.jinja");

/// Instructions that could not be written.
#[derive(Debug, Error)]
#[error("cannot write the instructions: {0:#}")]
pub struct InstructionsError(#[from] minijinja::Error);

/// The instructions of a run, as Markdown.
pub fn instructions(spec: &RunSpec) -> Result<String, InstructionsError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let text = environment.render_str(
        TEMPLATE,
        context! {
            benchmark => spec.benchmark.id.as_str(),
            benchmark_title => &*spec.benchmark.title,
            benchmark_description => &*spec.benchmark.description,
            model => spec.base_model.id.as_str(),
            model_title => &*spec.base_model.title,
            budget => in_words(spec.budget.seconds),
        },
    )?;
    Ok(text)
}

/// Seconds in the unit people would use: `10 hours`, `90 minutes`, `45 seconds`.
fn in_words(seconds: f64) -> String {
    let (amount, unit) = match seconds {
        seconds if seconds >= 2.0 * 3600.0 => (seconds / 3600.0, "hours"),
        seconds if seconds >= 2.0 * 60.0 => (seconds / 60.0, "minutes"),
        seconds => (seconds, "seconds"),
    };
    let text = format!("{amount:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_read_like_people_say_them() {
        assert_eq!(in_words(36_000.0), "10 hours");
        assert_eq!(in_words(5_400.0), "90 minutes");
        assert_eq!(in_words(45.0), "45 seconds");
        assert_eq!(in_words(9_000.0), "2.5 hours");
    }
}
