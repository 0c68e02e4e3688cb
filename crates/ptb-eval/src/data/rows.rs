//! Rows of JSON Lines to items.

use std::collections::HashMap;
use std::path::Path;

use ptb_core::definitions::{FieldMapping, Split};
use ptb_core::ids::BenchmarkId;
use serde_json::{Map, Value};

use super::error::{DataError, RowProblem};
use super::item::Item;

/// What the rows of a file are.
pub(crate) struct RowReader<'a> {
    pub(crate) benchmark: &'a BenchmarkId,
    pub(crate) split: Split,
    pub(crate) fields: &'a FieldMapping,
    /// Named in errors.
    pub(crate) path: &'a Path,
}

impl RowReader<'_> {
    /// All items of a JSON Lines file. Empty lines are passed over and do not count as rows.
    pub(crate) fn read(&self, content: &[u8]) -> Result<Vec<Item>, DataError> {
        let mut items: Vec<Item> = Vec::new();
        let mut lines_of_ids: HashMap<String, usize> = HashMap::new();
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let item = self.item(line, items.len()).map_err(|problem| self.error(index, problem))?;
            if let Some(first) = lines_of_ids.insert(item.id.clone(), index + 1) {
                return Err(self.error(index, RowProblem::DuplicateId { id: item.id, first }));
            }
            items.push(item);
        }
        Ok(items)
    }

    fn error(&self, index: usize, problem: RowProblem) -> DataError {
        DataError::Row { path: self.path.to_owned(), line: index + 1, problem }
    }

    fn item(&self, line: &[u8], row: usize) -> Result<Item, RowProblem> {
        let text = str::from_utf8(line).map_err(|_| RowProblem::Encoding)?;
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| RowProblem::Json(error.to_string()))?;
        self.item_of(&object, row)
    }

    /// The item of one row, rows counted from 0.
    pub(crate) fn item_of(&self, object: &Map<String, Value>, row: usize) -> Result<Item, RowProblem> {
        let id = match &self.fields.id {
            Some(field) => text_of(object, field)?,
            None => format!("{}/{}/{row}", self.benchmark, self.split),
        };
        let question = text_of(object, &self.fields.question)?;
        let answer = self.fields.answer.as_ref().map_or(Ok(String::new()), |field| text_of(object, field))?;
        let target = match &self.fields.target_after {
            Some(mark) => {
                let parts = split_answer(&answer, mark).ok_or_else(|| RowProblem::NoTarget(mark.clone()))?;
                parts.1.to_owned()
            }
            None => answer.clone(),
        };
        Ok(Item { id, question, answer, target, ..Item::default() })
    }
}

/// The reasoning and the target of an answer: what stands before and after the last `mark`, both without surrounding
/// white space. None without mark or target.
pub fn split_answer<'a>(answer: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (reasoning, target) = answer.rsplit_once(mark)?;
    let target = target.trim();
    (!target.is_empty()).then_some((reasoning.trim(), target))
}

fn text_of(object: &Map<String, Value>, field: &str) -> Result<String, RowProblem> {
    let text = match object.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(RowProblem::NotText(field.to_owned())),
        None => return Err(RowProblem::Missing(field.to_owned())),
    };
    if text.trim().is_empty() {
        return Err(RowProblem::Empty(field.to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(id: Option<&str>) -> FieldMapping {
        FieldMapping {
            id: id.map(str::to_owned),
            question: "q".to_owned(),
            answer: Some("a".to_owned()),
            target_after: Some("####".to_owned()),
            ..FieldMapping::default()
        }
    }

    fn read(content: &[u8], id: Option<&str>) -> Result<Vec<Item>, DataError> {
        let benchmark = "gsm8k".parse().unwrap();
        let fields = fields(id);
        let reader =
            RowReader { benchmark: &benchmark, split: Split::Test, fields: &fields, path: Path::new("test.jsonl") };
        reader.read(content)
    }

    fn message(content: &[u8], id: Option<&str>) -> String {
        read(content, id).unwrap_err().to_string()
    }

    #[test]
    fn rows_become_items_named_by_their_place() {
        let items =
            read(b"{\"q\":\"1+1?\",\"a\":\"easy #### 2\"}\n\n{\"q\":\"x\",\"a\":\"#### #### 3\"}\n", None).unwrap();
        assert_eq!(items[0].id, "gsm8k/test/0");
        assert_eq!(items[0].target, "2");
        assert_eq!((items[1].id.as_str(), items[1].target.as_str()), ("gsm8k/test/1", "3"));
    }

    #[test]
    fn ids_of_the_data_are_taken_as_text_or_number() {
        let items =
            read(b"{\"i\":7,\"q\":\"x\",\"a\":\"####1\"}\n{\"i\":\"b\",\"q\":\"x\",\"a\":\"####1\"}", Some("i"))
                .unwrap();
        assert_eq!(items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["7", "b"]);
    }

    #[test]
    fn a_bad_row_is_named_by_file_and_line() {
        let good = "{\"q\":\"x\",\"a\":\"#### 1\"}\n";
        for (bad, expected) in [
            ("{\"q\":", "test.jsonl:2: not a JSON object"),
            ("[1]", "test.jsonl:2: not a JSON object"),
            ("{\"a\":\"#### 1\"}", "test.jsonl:2: the field \"q\" is missing"),
            ("{\"q\":[1],\"a\":\"#### 1\"}", "test.jsonl:2: the field \"q\" is neither text nor a number"),
            ("{\"q\":\" \",\"a\":\"#### 1\"}", "test.jsonl:2: the field \"q\" is empty"),
            ("{\"q\":\"x\",\"a\":\"1\"}", "test.jsonl:2: the answer has no \"####\""),
            ("{\"q\":\"x\",\"a\":\"1 ####\"}", "test.jsonl:2: the answer has no \"####\""),
        ] {
            let message = message(format!("{good}{bad}\n").as_bytes(), None);
            assert!(message.starts_with(expected), "{message}");
        }
        assert_eq!(message(b"{\"q\":\"\xff\"}\n", None), "test.jsonl:1: not valid UTF-8");
    }

    #[test]
    fn duplicate_ids_are_refused_with_both_lines() {
        let row = "{\"i\":\"a\",\"q\":\"x\",\"a\":\"####1\"}\n";
        let message = message(format!("{row}\n{row}").as_bytes(), Some("i"));
        assert_eq!(message, "test.jsonl:3: the id \"a\" is that of line 1 too");
    }

    proptest! {
        #[test]
        fn any_bytes_give_items_or_an_error(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&content, None);
        }
    }
}
