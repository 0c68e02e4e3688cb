//! Rows of a data set to items.

use std::collections::HashMap;
use std::path::Path;

use md5::{Digest, Md5};
use ptb_core::definitions::{BenchmarkDefinition, HashedId, ScorerDefinition, Solver, Split};
use serde_json::{Map, Value};

use super::choices::letter;
use super::conversation;
use super::error::{DataError, RowProblem};
use super::field::{text, texts, value};
use super::item::{Criterion, Item, ProgramTests, Reference};
use super::row_choices;
use super::table::{Row, for_each_row};
use crate::scorer::call::rows::{FieldOrder, read_call_row};

/// What the rows of a file are.
pub(crate) struct RowReader<'a> {
    pub(crate) benchmark: &'a BenchmarkDefinition,
    pub(crate) split: Split,
    /// Named in errors; its extension tells the format.
    pub(crate) path: &'a Path,
}

impl RowReader<'_> {
    /// All items of a file.
    pub(crate) fn read(&self, content: &[u8]) -> Result<Vec<Item>, DataError> {
        let mut items = Vec::new();
        self.for_each(content, &mut |item| items.push(item))?;
        Ok(items)
    }

    /// Reads the items of a file one by one.
    pub(crate) fn for_each(&self, content: &[u8], visit: &mut dyn FnMut(Item)) -> Result<(), DataError> {
        let order = self.field_order(content)?;
        let mut lines_of_ids: HashMap<String, usize> = HashMap::new();
        for_each_row(content, self.path, &mut |Row { line, fields }| {
            let mut item = self.item_of(&fields, lines_of_ids.len())?;
            if let Some(order) = &order {
                read_call(&fields, order, &mut item)?;
            }
            if let Some(first) = lines_of_ids.insert(item.id.clone(), line) {
                return Err(RowProblem::DuplicateId { id: item.id, first });
            }
            visit(item);
            Ok(())
        })
    }

    /// The order of the functions' parameters, which all rows decide together.
    fn field_order(&self, content: &[u8]) -> Result<Option<FieldOrder>, DataError> {
        if self.benchmark.scorer != ScorerDefinition::FunctionCall {
            return Ok(None);
        }
        let mut order = FieldOrder::default();
        for_each_row(content, self.path, &mut |row| {
            order.learn_row(&row.fields);
            Ok(())
        })?;
        Ok(Some(order))
    }

    /// The item of one row, rows counted from 0.
    pub(crate) fn item_of(&self, row: &Map<String, Value>, number: usize) -> Result<Item, RowProblem> {
        let mut item = Item { id: self.id(row, number)?, ..Item::default() };
        self.read_question(row, &mut item)?;
        self.read_answer(row, &mut item)?;
        self.read_reference(row, &mut item)?;
        if let Some(field) = &self.benchmark.fields.tags {
            item.tags = texts(row, field)?;
        }
        Ok(item)
    }

    fn id(&self, row: &Map<String, Value>, number: usize) -> Result<String, RowProblem> {
        match (&self.benchmark.fields.id, &self.benchmark.fields.hashed_id) {
            (Some(field), _) => text(row, field),
            (None, Some(hashed)) => Ok(hashed_id(hashed, &text(row, &hashed.field)?)),
            (None, None) => Ok(format!("{}/{}/{number}", self.benchmark.id, self.split)),
        }
    }

    fn read_question(&self, row: &Map<String, Value>, item: &mut Item) -> Result<(), RowProblem> {
        let field = &self.benchmark.fields.question;
        match self.benchmark.solver {
            Solver::Question | Solver::MultipleChoice => item.question = text(row, field)?,
            Solver::Conversation | Solver::FunctionCall => {
                item.conversation = conversation::turns(field, value(row, field)?)?;
                item.question = conversation::as_text(&item.conversation);
            }
        }
        Ok(())
    }

    fn read_answer(&self, row: &Map<String, Value>, item: &mut Item) -> Result<(), RowProblem> {
        let Some(field) = &self.benchmark.fields.answer else { return Ok(()) };
        item.answer = text(row, field)?;
        item.target = match &self.benchmark.fields.target_after {
            Some(mark) => {
                let parts = split_answer(&item.answer, mark).ok_or_else(|| RowProblem::NoTarget(mark.clone()))?;
                parts.1.to_owned()
            }
            None => item.answer.clone(),
        };
        Ok(())
    }

    fn read_reference(&self, row: &Map<String, Value>, item: &mut Item) -> Result<(), RowProblem> {
        let fields = &self.benchmark.fields;
        match &self.benchmark.scorer {
            ScorerDefinition::MultipleChoice => {
                let choices = row_choices::right_first(row, fields, &item.answer)?;
                item.answer.clone_from(&choices[0]);
                // Until the pack's order is known, the right choice comes first.
                item.target = letter(0);
                item.reference = Reference::Choices(choices);
            }
            ScorerDefinition::CodeExecution { .. } => {
                item.reference = Reference::Tests(ProgramTests {
                    prompt: item.question.clone(),
                    tests: text(row, mapped("tests", fields.tests.as_ref())?)?,
                    entry_point: text(row, mapped("entry_point", fields.entry_point.as_ref())?)?,
                });
            }
            ScorerDefinition::Rubric => {
                let field = mapped("rubric", fields.rubric.as_ref())?;
                item.reference = Reference::Rubric(rubric(field, value(row, field)?)?);
            }
            ScorerDefinition::FunctionCall
            | ScorerDefinition::Numeric { .. }
            | ScorerDefinition::ExactText
            | ScorerDefinition::Pairwise { .. } => {}
        }
        Ok(())
    }
}

/// The call of a row of the function-calling leaderboard. Its parts have the leaderboard's names, and the order of a
/// function's parameters follows from all rows.
fn read_call(row: &Map<String, Value>, order: &FieldOrder, item: &mut Item) -> Result<(), RowProblem> {
    let call = read_call_row(row, order).map_err(|problem| RowProblem::Call(problem.to_string()))?;
    item.conversation = call.conversation;
    item.question = conversation::as_text(&item.conversation);
    item.tools = call.tools;
    item.target = call.target;
    item.reference = Reference::Call(call.expected);
    Ok(())
}

/// The field that the definition maps; an item of this kind cannot do without.
fn mapped<'a>(name: &'static str, field: Option<&'a String>) -> Result<&'a str, RowProblem> {
    field.map(String::as_str).ok_or(RowProblem::Unmapped(name))
}

fn hashed_id(hashed: &HashedId, text: &str) -> String {
    let mut digits = hex::encode(Md5::digest(text.as_bytes()));
    digits.truncate(hashed.digits as usize);
    format!("{}{digits}", hashed.prefix)
}

fn rubric(field: &str, value: &Value) -> Result<Vec<Criterion>, RowProblem> {
    let criteria: Vec<Criterion> = serde_json::from_value(value.clone())
        .map_err(|error| RowProblem::Rubric(field.to_owned(), error.to_string()))?;
    let problem = |text: &str| RowProblem::Rubric(field.to_owned(), text.to_owned());
    if criteria.is_empty() {
        return Err(problem("it has no criteria"));
    }
    // Without points to win, achieved over possible points has no value.
    if !criteria.iter().any(|criterion| criterion.points > 0.0) {
        return Err(problem("no criterion has points above 0"));
    }
    Ok(criteria)
}

/// The reasoning and the target of an answer: what stands before and after the last `mark`, both without surrounding
/// white space. None without mark or target.
pub fn split_answer<'a>(answer: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (reasoning, target) = answer.rsplit_once(mark)?;
    let target = target.trim();
    (!target.is_empty()).then_some((reasoning.trim(), target))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ptb_core::definitions::{Catalog, FieldMapping};

    use super::*;

    fn defined(name: &str) -> BenchmarkDefinition {
        Catalog::embedded().unwrap().benchmark(&name.parse().unwrap()).unwrap().clone()
    }

    fn read_as(benchmark: &BenchmarkDefinition, content: &[u8]) -> Result<Vec<Item>, DataError> {
        RowReader { benchmark, split: Split::Test, path: Path::new("test.jsonl") }.read(content)
    }

    fn read(content: &[u8], id: Option<&str>) -> Result<Vec<Item>, DataError> {
        let fields = FieldMapping {
            id: id.map(str::to_owned),
            question: "q".to_owned(),
            answer: Some("a".to_owned()),
            target_after: Some("####".to_owned()),
            ..FieldMapping::default()
        };
        read_as(&BenchmarkDefinition { fields, ..defined("gsm8k") }, content)
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

    #[test]
    fn an_id_can_be_a_hash_of_a_field() {
        let items = read_as(&defined("gsm8k"), b"{\"question\":\"a\",\"answer\":\"#### 1\"}").unwrap();
        // The first digits of the MD5 of "a".
        assert_eq!(items[0].id, "gsm8k_0cc175b9");
    }

    #[test]
    fn every_scorer_gets_what_it_needs_or_an_error() {
        let row = r#"{"task_id":"t","prompt":"def f():","canonical_solution":" 1","test":"x","entry_point":"f"}"#;
        let program = read_as(&defined("humaneval"), row.as_bytes()).unwrap();
        assert!(matches!(&program[0].reference, Reference::Tests(tests) if tests.entry_point == "f"));

        let row = r#"{"Record ID":"r","Question":"q","Correct Answer":"a","Incorrect Answer 1":"b","Incorrect Answer 2":"c"}"#;
        let message = read_as(&defined("gpqamain"), row.as_bytes()).unwrap_err().to_string();
        assert_eq!(message, "test.jsonl:1: the field \"Incorrect Answer 3\" is missing");

        let rubric = |rubrics: &str| {
            let turns = r#"[{"role":"user","content":"hi"}]"#;
            let row = format!(r#"{{"prompt_id":"p","prompt":{turns},"example_tags":["t"],"rubrics":{rubrics}}}"#);
            read_as(&defined("healthbench"), row.as_bytes()).map_err(|error| error.to_string())
        };
        let items = rubric(r#"[{"criterion":"c","points":3},{"criterion":"d","points":-1.5,"tags":["x"]}]"#).unwrap();
        assert!(matches!(&items[0].reference, Reference::Rubric(criteria) if criteria.len() == 2));
        assert_eq!((items[0].tags[0].as_str(), items[0].conversation.len()), ("t", 1));
        for (bad, expected) in [
            ("[]", "no criteria"),
            (r#"[{"criterion":"c","points":-3}]"#, "points above 0"),
            (r#"[{"criterion":"c"}]"#, "points"),
            ("7", "criteria"),
        ] {
            let message = rubric(bad).unwrap_err();
            assert!(message.contains("\"rubrics\"") && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_definition_that_says_too_little_is_named_as_such() {
        let mut humaneval = defined("humaneval");
        humaneval.fields.tests = None;
        let row = r#"{"task_id":"t","prompt":"def f():","canonical_solution":" 1","test":"x","entry_point":"f"}"#;
        assert!(read_as(&humaneval, row.as_bytes()).unwrap_err().to_string().contains("`tests`"));
    }
}
