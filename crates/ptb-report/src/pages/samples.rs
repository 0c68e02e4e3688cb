//! Samples of an evaluation, from its log in Inspect's JSON format.

use std::collections::BTreeMap;

use ptb_core::files;
use ptb_core::run::RunFolder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clipped::Clipped;

/// Largest log that is read for a page, in bytes.
const MAX_LOG: u64 = 64 * 1024 * 1024;

/// Most samples that a page shows.
const MAX_SAMPLES: usize = 500;

/// Most characters of one text of a sample.
const MAX_TEXT: usize = 4000;

/// The samples of one seed as a page shows them.
#[derive(Debug, Default, Serialize)]
pub struct SamplesView {
    seed: String,
    samples: Vec<SampleView>,
    /// Samples by result: right, wrong, error.
    counts: BTreeMap<&'static str, usize>,
    total: usize,
    /// Why nothing is shown, or what is left out.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SampleView {
    id: String,
    result: &'static str,
    input: Option<Clipped>,
    target: Option<Clipped>,
    completion: Option<Clipped>,
    answer: Option<Clipped>,
    explanation: Option<Clipped>,
}

#[derive(Debug, Deserialize)]
struct Log {
    #[serde(default)]
    samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    target: Value,
    #[serde(default)]
    output: Output,
    #[serde(default)]
    scores: Option<BTreeMap<String, SampleScore>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    #[serde(default)]
    completion: Value,
}

#[derive(Debug, Deserialize)]
struct SampleScore {
    #[serde(default)]
    value: Value,
    #[serde(default)]
    answer: Value,
    #[serde(default)]
    explanation: Value,
}

impl SamplesView {
    /// The samples of the first of `seeds`. With `withheld`, only ids and results.
    pub fn read(folder: &RunFolder, seeds: &[u64], withheld: bool) -> Self {
        let Some(seed) = seeds.first() else {
            return Self { notes: vec!["The run has no evaluation.".to_owned()], ..Self::default() };
        };
        let name = format!("eval/{seed}/log.json");
        let mut view = match read_log(folder, *seed, &name) {
            Ok(log) => Self::of(&log, withheld),
            Err(note) => Self { notes: vec![note], ..Self::default() },
        };
        view.seed = seed.to_string();
        if view.total > view.samples.len() {
            view.notes
                .push(format!("The first {} of {} samples are shown; all are in {name}.", MAX_SAMPLES, view.total));
        }
        if seeds.len() > 1 {
            let others: Vec<_> = seeds[1..].iter().map(|seed| format!("eval/{seed}/log.json")).collect();
            view.notes.push(format!("These are the samples of seed {seed}; the others are in {}.", others.join(", ")));
        }
        if withheld {
            view.notes.push("The test items of this benchmark are not published: samples are shown as ids.".to_owned());
        }
        view
    }

    fn of(log: &Log, withheld: bool) -> Self {
        let mut counts = BTreeMap::from([("right", 0), ("wrong", 0), ("error", 0)]);
        for sample in &log.samples {
            *counts.entry(sample.result()).or_default() += 1;
        }
        let samples = log.samples.iter().take(MAX_SAMPLES).map(|sample| sample.view(withheld)).collect();
        Self { samples, counts, total: log.samples.len(), ..Self::default() }
    }
}

fn read_log(folder: &RunFolder, seed: u64, name: &str) -> Result<Log, String> {
    let path = folder.evaluation_log(seed);
    match files::read_bounded(&path, MAX_LOG) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| format!("{name} is not an evaluation log: {error}"))
        }
        Err(error) if error.is_not_found() => Err(format!("There is no {name}.")),
        Err(error) => Err(error.to_string()),
    }
}

impl Sample {
    fn result(&self) -> &'static str {
        let score = self.scores.as_ref().and_then(|scores| scores.values().next());
        match (&self.error, score) {
            (Some(error), _) if !error.is_null() => "error",
            (_, None) => "error",
            (_, Some(score)) if is_right(&score.value) => "right",
            _ => "wrong",
        }
    }

    fn view(&self, withheld: bool) -> SampleView {
        let score = self.scores.as_ref().and_then(|scores| scores.values().next());
        let show = |value: &Value| {
            let text = Clipped::new(&text(value), MAX_TEXT);
            (!withheld && !text.is_empty()).then_some(text)
        };
        let explanation = self.error.as_ref().or(score.map(|score| &score.explanation));
        SampleView {
            id: text(&self.id),
            result: self.result(),
            input: show(&self.input),
            target: show(&self.target),
            completion: show(&self.output.completion),
            answer: score.and_then(|score| show(&score.answer)),
            explanation: explanation.and_then(show),
        }
    }
}

/// Inspect writes `C` for correct; other scorers write a number or a truth value.
fn is_right(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "C",
        Value::Bool(right) => *right,
        Value::Number(number) => number.as_f64().is_some_and(|number| number >= 1.0),
        _ => false,
    }
}

/// The text of what may be a string, a list of messages, a list of content parts, or an error object.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect::<Vec<_>>().join("\n\n"),
        Value::Object(fields) => match ["content", "text", "message"].iter().find_map(|name| fields.get(*name)) {
            Some(content) => match fields.get("role").and_then(Value::as_str) {
                Some(role) => format!("[{role}]\n{}", text(content)),
                None => text(content),
            },
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn right_wrong_and_not_scored_are_told_apart() {
        let log: Log = serde_json::from_value(json!({"version": 2, "samples": [
            {"id": 1, "input": "1+1", "target": "2", "output": {"completion": "2"}, "scores": {"strict": {"value": "C"}}},
            {"id": "b", "input": [{"role": "user", "content": "1+2"}], "target": ["3"], "scores": {"strict": {"value": 0}}},
            {"id": "c", "input": "x", "scores": null},
            {"id": "d", "input": "x", "scores": {"strict": {"value": "C"}}, "error": {"message": "engine lost"}},
        ]}))
        .unwrap();
        let view = SamplesView::of(&log, false);
        let results: Vec<_> = view.samples.iter().map(|sample| sample.result).collect();
        assert_eq!(results, ["right", "wrong", "error", "error"]);
        assert_eq!(view.samples[1].input.as_ref().unwrap().head, "[user]\n1+2");
        assert_eq!(view.samples[3].explanation.as_ref().unwrap().head, "engine lost");
    }

    #[test]
    fn withheld_items_leave_only_ids_and_results() {
        let log: Log = serde_json::from_value(json!({"samples": [
            {"id": 7, "input": "secret", "target": "secret", "output": {"completion": "secret"},
             "scores": {"strict": {"value": "I", "answer": "secret", "explanation": "secret"}}},
        ]}))
        .unwrap();
        let shown = serde_json::to_string(&SamplesView::of(&log, true)).unwrap();
        assert!(!shown.contains("secret") && shown.contains("\"7\"") && shown.contains("wrong"), "{shown}");
    }
}
