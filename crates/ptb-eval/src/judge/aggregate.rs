//! What a rubric says of parts of a benchmark.

use std::collections::BTreeMap;

use super::rubric::RubricReply;
use super::statistics::clipped_mean;
use crate::data::{Criterion, Item, Reference};
use crate::grader::JudgeExchange;

/// What labels of items and criteria begin with, and so the names of the parts.
const THEME: &str = "theme:";
const AXIS: &str = "axis:";
/// Told where an item or a criterion has no such label.
const UNKNOWN: &str = "unknown";

/// What a rubric says of one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RatedAnswer<'a> {
    /// Achieved over possible points.
    pub score: f64,
    /// The item's theme.
    pub theme: &'a str,
    /// Its criteria.
    pub criteria: &'a [Criterion],
    /// Which of them are met.
    pub met: Vec<bool>,
}

impl<'a> RatedAnswer<'a> {
    /// The answer to an item with its score and what the judge said, in the order of the criteria.
    pub fn new(item: &'a Item, score: f64, exchanges: &[JudgeExchange]) -> Self {
        let criteria: &[Criterion] = match &item.reference {
            Reference::Rubric(criteria) => criteria,
            _ => &[],
        };
        let said = |reply: &Option<String>| reply.as_deref().and_then(|reply| RubricReply::read(reply).ok());
        let met = exchanges.iter().map(|exchange| said(&exchange.reply).is_some_and(|said| said.met)).collect();
        Self { score, theme: label(&item.tags, THEME), criteria, met }
    }
}

/// The clipped mean of each theme, as `theme:NAME`; and achieved over possible points of all criteria of an axis, clipped
/// to 0..1, as `axis:NAME`. Axes without possible points are left out.
pub fn rubric_parts(answers: &[RatedAnswer<'_>]) -> BTreeMap<String, f64> {
    let mut themes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut axes: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for answer in answers {
        themes.entry(answer.theme).or_default().push(answer.score);
        for (place, criterion) in answer.criteria.iter().enumerate() {
            let [achieved, possible] = axes.entry(label(&criterion.tags, AXIS)).or_default();
            *possible += criterion.points.max(0.0);
            if answer.met.get(place) == Some(&true) {
                *achieved += criterion.points;
            }
        }
    }
    let themes =
        themes.into_iter().filter_map(|(name, scores)| Some((format!("{THEME}{name}"), clipped_mean(&scores)?)));
    let axes = axes.into_iter().filter(|(_, [_, possible])| *possible > 0.0);
    let axes =
        axes.map(|(name, [achieved, possible])| (format!("{AXIS}{name}"), (achieved / possible).clamp(0.0, 1.0)));
    themes.chain(axes).collect()
}

/// What follows a prefix in the first tag that has it, up to the next colon.
fn label<'a>(tags: &'a [String], prefix: &str) -> &'a str {
    let found = tags.iter().find_map(|tag| tag.strip_prefix(prefix));
    found.map_or(UNKNOWN, |rest| rest.split(':').next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(axis: &str, points: f64) -> Criterion {
        Criterion { criterion: String::new(), points, tags: vec!["level:x".to_owned(), format!("axis:{axis}")] }
    }

    #[test]
    fn an_axis_without_possible_points_is_left_out() {
        let criteria =
            [criterion("bad", -3.0), criterion("good", 4.0), criterion("good", 4.0), criterion("worse", 1.0)];
        let answer = RatedAnswer { score: 0.5, theme: "t", criteria: &criteria, met: vec![true, true, false] };
        let parts = rubric_parts(&[answer]);
        let expected = [("axis:good", 0.5), ("axis:worse", 0.0), ("theme:t", 0.5)];
        assert_eq!(parts, expected.map(|(name, value)| (name.to_owned(), value)).into_iter().collect());
    }

    #[test]
    fn labels_end_at_a_colon() {
        let tags = ["theme".to_owned(), "theme:hedging:more".to_owned(), "theme:other".to_owned()];
        assert_eq!(label(&tags, "theme:"), "hedging");
        assert_eq!(label(&[], "theme:"), "unknown");
    }
}
