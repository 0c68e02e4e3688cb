//! What a completion is compared with: the data set's item, with what the line gives in its place.

use std::collections::HashMap;

use ptb_core::definitions::{BenchmarkDefinition, ScorerDefinition};
use ptb_core::ids::BenchmarkId;
use serde::Deserialize;
use serde_json::Value;

use super::line::Line;
use crate::data::{ExpectedCall, Item, Reference};
use crate::engine::ToolDefinition;

/// The samples of a benchmark.
#[derive(Debug)]
pub(super) struct Samples {
    benchmark: BenchmarkId,
    scorer: ScorerDefinition,
    /// The data set's items by id, or why they are not here.
    items: Result<HashMap<String, Item>, String>,
}

impl Samples {
    pub(super) fn new(benchmark: &BenchmarkDefinition, items: Result<Vec<Item>, String>) -> Self {
        let items = items.map(|items| items.into_iter().map(|item| (item.id.clone(), item)).collect());
        Self { benchmark: benchmark.id.clone(), scorer: benchmark.scorer.clone(), items }
    }

    /// The item of a line, whose JSON text is `text`.
    pub(super) fn item(&self, line: &Line, text: &str) -> Result<Item, String> {
        let id = line.sample_id()?;
        let known = self.items.as_ref().ok().and_then(|items| items.get(&id));
        let mut item = known.cloned().unwrap_or_else(|| Item { id, ..Item::default() });
        match line.target()? {
            Some(target) => target.clone_into(&mut item.target),
            None if known.is_none() => return Err(self.absent("target", &item.id)),
            None => {}
        }
        match self.scorer {
            ScorerDefinition::MultipleChoice => {
                if let Some(choices) = line.choices()? {
                    item.reference = Reference::Choices(choices);
                } else if known.is_none() {
                    return Err(self.absent("choices", &item.id));
                }
            }
            ScorerDefinition::FunctionCall => {
                if let Some(call) = line.expected_call()? {
                    item.reference = Reference::Call(call);
                } else if known.is_none() {
                    return Err(self.absent("target_obj", &item.id));
                }
                if known.is_none() {
                    item.tools = requested_tools(text);
                }
            }
            ScorerDefinition::CodeExecution { .. } if known.is_none() => {
                return Err(format!("the tests of {} are not known: {}", item.id, self.why_unknown(&item.id)));
            }
            _ => {}
        }
        Ok(item)
    }

    fn absent(&self, field: &str, id: &str) -> String {
        format!("the line has no `{field}`, and the data set does not help: {}", self.why_unknown(id))
    }

    fn why_unknown(&self, id: &str) -> String {
        match &self.items {
            Ok(_) => format!("{} has no sample {id}", self.benchmark),
            Err(why) => why.clone(),
        }
    }
}

/// The functions that a recorded request offered; without them, arguments that are no JSON have no names.
fn requested_tools(line: &str) -> Vec<ToolDefinition> {
    #[derive(Deserialize)]
    struct Recorded {
        request: Request,
    }
    #[derive(Deserialize)]
    struct Request {
        tools: Vec<Tool>,
    }
    #[derive(Deserialize)]
    struct Tool {
        function: Value,
    }
    let tools = serde_json::from_str(line).map(|recorded: Recorded| recorded.request.tools).unwrap_or_default();
    tools.into_iter().filter_map(|tool| serde_json::from_value(tool.function).ok()).collect()
}

impl Line {
    fn expected_call(&self) -> Result<Option<ExpectedCall>, String> {
        let Some(call) = &self.target_obj else { return Ok(None) };
        let call = serde_json::from_value(call.clone());
        call.map(Some).map_err(|error| format!("`target_obj` is no function call: {error}"))
    }
}
