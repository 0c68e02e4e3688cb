//! What a judge says of one criterion, and the points of an answer.

use serde_json::Value;

use crate::data::Criterion;
use crate::http::parse_json;

use super::attempts::Trouble;
use crate::scorer::python_text::is_space;

/// Said instead of an explanation where the judge gives none.
const NO_EXPLANATION: &str = "No explanation provided";

/// A judge's usable reply about one criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RubricReply {
    /// Whether the answer has what the criterion describes.
    pub met: bool,
    /// Why, in the judge's words.
    pub explanation: String,
}

impl RubricReply {
    /// Reads a reply: a JSON object, in a `json` fence or not, whose `criteria_met` is a boolean. Nothing around it is
    /// allowed. The field's scripts wait before they ask again where the reply is JSON in which nothing can be looked up
    /// by name.
    pub fn read(text: &str) -> Result<Self, Trouble> {
        let json = parse_json(without_fence(text).as_bytes()).map_err(|_| Trouble::Malformed)?;
        let Value::Object(object) = json else { return Err(not_an_object(&json)) };
        let Some(Value::Bool(met)) = object.get("criteria_met") else { return Err(Trouble::Malformed) };
        let explanation = match object.get("explanation") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => NO_EXPLANATION.to_owned(),
        };
        Ok(Self { met: *met, explanation })
    }
}

/// Lists and texts are searched for the key as a part of them, and fail only when it is found.
fn not_an_object(json: &Value) -> Trouble {
    let found = match json {
        Value::Array(list) => list.iter().any(|entry| entry == "criteria_met"),
        Value::String(text) => text.contains("criteria_met"),
        _ => true,
    };
    if found { Trouble::Unreadable } else { Trouble::Malformed }
}

fn without_fence(text: &str) -> &str {
    let text = text.trim_matches(is_space);
    let text = text.strip_prefix("```json").map_or(text, |text| text.trim_start_matches(is_space));
    text.strip_suffix("```").map_or(text, |text| text.trim_end_matches(is_space))
}

/// The points of one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RubricPoints {
    /// Points of the criteria that are met; those for what a good answer does not have are negative.
    pub achieved: f64,
    /// Points of an answer that meets every criterion with positive points and no other.
    pub possible: f64,
}

impl RubricPoints {
    /// The points of an answer; `met` is in the order of the criteria, and what it lacks is not met.
    pub fn of(criteria: &[Criterion], met: &[bool]) -> Self {
        // An empty `sum` of floats would be minus zero.
        let met = criteria.iter().zip(met).filter(|(_, met)| **met);
        let achieved = met.fold(0.0, |sum, (criterion, _)| sum + criterion.points);
        let possible = criteria.iter().fold(0.0, |sum, criterion| sum + criterion.points.max(0.0));
        Self { achieved, possible }
    }

    /// Achieved over possible points: 1 at most, below 0 where bad things outweigh the good ones. 0 where there is
    /// nothing to achieve.
    pub fn score(self) -> f64 {
        if self.possible > 0.0 { self.achieved / self.possible } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn criterion(points: f64) -> Criterion {
        Criterion { criterion: "c".to_owned(), points, tags: Vec::new() }
    }

    #[test]
    fn a_fence_is_taken_off_once() {
        assert_eq!(without_fence(" ```json\n{}\n``` "), "{}");
        assert_eq!(without_fence("```json```"), "");
        assert_eq!(without_fence("```json\n```json\n{}```\n```"), "```json\n{}```");
        assert_eq!(without_fence("```{}```"), "```{}");
    }

    #[test]
    fn points_below_zero_are_never_possible_points() {
        let criteria = [criterion(5.0), criterion(-3.0), criterion(2.0)];
        let points = RubricPoints::of(&criteria, &[false, true, true]);
        assert_eq!((points.achieved, points.possible), (-1.0, 7.0));
        assert!(RubricPoints::of(&[criterion(-5.0)], &[true]).score().abs() < f64::EPSILON);
        assert!(RubricPoints::of(&[], &[]).score().abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in r#"(`|json|\{|\}|"criteria_met"|:|true|null|NaN| |\PC){0,20}"#) {
            let _ = RubricReply::read(&text);
        }

        #[test]
        fn the_verdict_survives_fences_and_blanks(met: bool, blanks in "[ \n\t\u{a0}\u{1f}]{0,3}", explanation in "\\PC{0,20}") {
            let json = serde_json::json!({ "explanation": explanation, "criteria_met": met });
            let reply = RubricReply::read(&format!("{blanks}```json{blanks}{json}{blanks}```{blanks}"));
            prop_assert_eq!(reply, Ok(RubricReply { met, explanation }));
        }
    }
}
