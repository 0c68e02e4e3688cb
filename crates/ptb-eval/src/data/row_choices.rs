//! The choices of a row.

use ptb_core::definitions::{AnswerKind, FieldMapping};
use serde_json::{Map, Value};

use super::choices::letter;
use super::error::RowProblem;
use super::field::texts;

/// Most choices of an item: they are named by letters.
const MAX_CHOICES: usize = 26;

/// The choices of a row, the right one first and the others in the order of the data.
pub(crate) fn right_first(
    row: &Map<String, Value>,
    fields: &FieldMapping,
    answer: &str,
) -> Result<Vec<String>, RowProblem> {
    let choices = if let Some(field) = &fields.choices {
        chosen(texts(row, field)?, fields.answer_kind, answer)?
    } else {
        let wrong = fields.distractors.iter().map(|field| texts(row, field)).collect::<Result<Vec<_>, _>>()?;
        [vec![answer.to_owned()], wrong.concat()].concat()
    };
    match choices.len() {
        2..=MAX_CHOICES => Ok(choices),
        found => Err(RowProblem::Choices { found, most: MAX_CHOICES }),
    }
}

/// All choices with the right one moved to the front.
fn chosen(mut choices: Vec<String>, kind: AnswerKind, answer: &str) -> Result<Vec<String>, RowProblem> {
    let place = match kind {
        AnswerKind::Text => choices.iter().position(|choice| choice == answer),
        AnswerKind::Index => answer.parse().ok().filter(|place| *place < choices.len()),
        AnswerKind::Letter => (0..choices.len().min(MAX_CHOICES)).find(|place| letter(*place) == answer),
    };
    let place = place.ok_or_else(|| RowProblem::NoSuchChoice(answer.to_owned()))?;
    choices[..=place].rotate_right(1);
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(row: Value, fields: &FieldMapping, answer: &str) -> Result<Vec<String>, RowProblem> {
        let Value::Object(row) = row else { unreachable!() };
        right_first(&row, fields, answer)
    }

    fn listed(kind: AnswerKind) -> FieldMapping {
        FieldMapping { choices: Some("/c/text".to_owned()), answer_kind: kind, ..FieldMapping::default() }
    }

    #[test]
    fn the_right_choice_comes_first_however_it_is_named() {
        let row = json!({"c": {"text": ["p", "q", 3]}});
        for (kind, answer) in [(AnswerKind::Text, "q"), (AnswerKind::Index, "1"), (AnswerKind::Letter, "B")] {
            assert_eq!(read(row.clone(), &listed(kind), answer).unwrap(), ["q", "p", "3"], "{kind:?}");
        }
        for (kind, answer) in
            [(AnswerKind::Text, "B"), (AnswerKind::Index, "3"), (AnswerKind::Index, "-1"), (AnswerKind::Letter, "D")]
        {
            assert_eq!(read(row.clone(), &listed(kind), answer), Err(RowProblem::NoSuchChoice(answer.to_owned())));
        }
    }

    #[test]
    fn wrong_choices_stand_in_fields_or_in_a_list() {
        let fields = |names: &[&str]| FieldMapping {
            distractors: names.iter().map(|name| (*name).to_owned()).collect(),
            ..FieldMapping::default()
        };
        let row = json!({"a": "x", "b": "y", "list": ["x", "y"], "empty": [], "bad": [null]});
        assert_eq!(read(row.clone(), &fields(&["a", "b"]), "r").unwrap(), ["r", "x", "y"]);
        assert_eq!(read(row.clone(), &fields(&["list"]), "r").unwrap(), ["r", "x", "y"]);
        assert_eq!(read(row.clone(), &fields(&["empty"]), "r"), Err(RowProblem::Choices { found: 1, most: 26 }));
        assert_eq!(read(row.clone(), &fields(&["bad"]), "r"), Err(RowProblem::NotText("bad".to_owned())));
        assert_eq!(read(row, &fields(&["none"]), "r"), Err(RowProblem::Missing("none".to_owned())));
    }
}
