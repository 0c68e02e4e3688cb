//! Chat templates: conversations as the text that a family of models was trained on.
//!
//! Which template is used follows from the base model's family. A template in a checkpoint folder is never read: a
//! submission must not choose how it is asked.

use std::fmt::Write as _;

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value, context};
pub use ptb_core::definitions::Family;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use thiserror::Error as ThisError;

/// Why a conversation cannot be rendered.
#[derive(Debug, ThisError)]
pub enum TemplateError {
    /// There is nothing to render.
    #[error("the conversation has no messages; give at least one")]
    NoMessages,
    /// The template refused the conversation.
    #[error("the conversation does not fit the chat template: {0:#}; check roles and contents")]
    Render(#[from] Error),
}

/// One message in the form of the chat API: `role`, `content`, perhaps `reasoning_content` and `tool_calls`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(pub Map<String, serde_json::Value>);

impl Message {
    /// A message of `role` with plain text.
    pub fn new(role: &str, content: &str) -> Self {
        Self(
            [("role", role), ("content", content)]
                .map(|(key, text)| (key.to_owned(), text.into()))
                .into_iter()
                .collect(),
        )
    }

    /// A message of the system.
    pub fn system(content: &str) -> Self {
        Self::new("system", content)
    }

    /// A message of the user.
    pub fn user(content: &str) -> Self {
        Self::new("user", content)
    }

    /// A message of the assistant.
    pub fn assistant(content: &str) -> Self {
        Self::new("assistant", content)
    }
}

/// What else a template is told.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// End with the opening of the assistant's answer.
    pub add_generation_prompt: bool,
    /// Tool definitions in the form of the chat API.
    pub tools: Vec<serde_json::Value>,
    /// Settings of the family, such as `enable_thinking`.
    pub settings: Map<String, serde_json::Value>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { add_generation_prompt: true, tools: Vec::new(), settings: Map::new() }
    }
}

/// The compiled template of a family.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
}

impl ChatTemplate {
    /// The template of `family`, which is part of this program.
    pub fn for_family(family: Family) -> Result<Self, TemplateError> {
        let mut environment = Environment::empty();
        environment.add_filter("first", minijinja::filters::first);
        environment.add_filter("last", minijinja::filters::last);
        environment.add_filter("length", minijinja::filters::length);
        environment.add_filter("split", minijinja::filters::split);
        environment.add_filter("text", text);
        environment.add_filter("json", json);
        environment
            .add_filter("lstrip", |text: &str, strip: &str| text.trim_start_matches(|c| strip.contains(c)).to_owned());
        environment
            .add_filter("rstrip", |text: &str, strip: &str| text.trim_end_matches(|c| strip.contains(c)).to_owned());
        environment.add_test("string", minijinja::tests::is_string);
        environment.add_test("defined", minijinja::tests::is_defined);
        environment.add_test("false", minijinja::tests::is_false);
        environment.add_test("startingwith", minijinja::tests::is_startingwith);
        environment.add_test("endingwith", minijinja::tests::is_endingwith);
        environment.add_function("namespace", minijinja::functions::namespace);
        environment.add_template("chat", family.chat_template())?;
        Ok(Self { environment })
    }

    /// The conversation as one text, special tokens included.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String, TemplateError> {
        if messages.is_empty() {
            return Err(TemplateError::NoMessages);
        }
        let context = context! {
            messages => Serde(messages),
            tools => Serde(&options.tools),
            add_generation_prompt => options.add_generation_prompt,
            ..Value::from(Serde(&options.settings))
        };
        Ok(self.environment.get_template("chat")?.render(context)?)
    }
}

fn text(value: &Value) -> Result<Value, Error> {
    match value.as_str() {
        Some(_) => Ok(value.clone()),
        None => Err(Error::new(ErrorKind::InvalidOperation, format!("expected a text, found {}", value.kind()))),
    }
}

/// JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it, which is what models have seen in training.
fn json(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_json(value, &mut out)?;
    Ok(out)
}

fn write_json(value: &Value, out: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => out.push_str("null"),
        ValueKind::Number => write_number(value, out),
        ValueKind::Seq | ValueKind::Iterable => write_list(value, out)?,
        ValueKind::Map => write_object(value, out)?,
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        _ => out.push_str(&quoted(&value.to_string())?),
    }
    Ok(())
}

fn write_list(value: &Value, out: &mut String) -> Result<(), Error> {
    out.push('[');
    for (index, item) in value.try_iter()?.enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_json(&item, out)?;
    }
    out.push(']');
    Ok(())
}

fn write_object(value: &Value, out: &mut String) -> Result<(), Error> {
    out.push('{');
    for (index, key) in value.try_iter()?.enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        out.push_str(&quoted(&key.to_string())?);
        out.push_str(": ");
        write_json(&value.get_item(&key)?, out)?;
    }
    out.push('}');
    Ok(())
}

fn quoted(text: &str) -> Result<String, Error> {
    serde_json::to_string(text).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn write_number(value: &Value, out: &mut String) {
    if value.is_integer() {
        out.push_str(&value.to_string());
    } else {
        out.push_str(&python_float(f64::try_from(value.clone()).unwrap_or(f64::NAN)));
    }
}

/// The shortest digits that read back as the same number, in scientific form below 1e-4 and from 1e16 on.
fn python_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            let mut out = digits.to_owned();
            // Writing to a string cannot fail.
            let _ = write!(out, "e{sign}{:02}", exponent.abs());
            out
        }
        _ if number.fract() == 0.0 => format!("{number:.1}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn template() -> ChatTemplate {
        ChatTemplate::for_family(Family::Qwen3).unwrap()
    }

    #[test]
    fn a_question_is_rendered_with_the_opening_of_the_answer() {
        let messages = [Message::system("Be brief."), Message::user("Hello")];
        let text = template().render(&messages, &RenderOptions::default()).unwrap();
        let expected =
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn thinking_can_be_switched_off() {
        let mut options = RenderOptions::default();
        options.settings.insert("enable_thinking".to_owned(), false.into());
        let text = template().render(&[Message::user("Hi")], &options).unwrap();
        assert!(text.ends_with("<|im_start|>assistant\n<think>\n\n</think>\n\n"), "{text}");
    }

    #[test]
    fn a_conversation_without_messages_is_refused() {
        let error = template().render(&[], &RenderOptions::default()).unwrap_err();
        assert!(matches!(error, TemplateError::NoMessages));
    }

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        let cases = [
            (1e-5, "1e-05"),
            (1.0, "1.0"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (1.5e300, "1.5e+300"),
        ];
        for (number, text) in cases {
            assert_eq!(python_float(number), text);
        }
    }

    /// Renderings recorded from the family's own template.
    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn recorded_conversations_are_rendered_exactly() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/evals/templates.jsonl");
        let Ok(records) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: there is no {}", path.display());
            return;
        };
        let mut count = 0;
        for line in records.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            // An integer beyond 64 bits is a floating-point number by the time it gets here.
            if record["family"] != "qwen3" || line.contains("100000000000000000000") {
                continue;
            }
            check(&record);
            count += 1;
        }
        assert!(count > 200, "only {count} records");
    }

    fn check(record: &serde_json::Value) {
        let messages: Vec<Message> = serde_json::from_value(record["messages"].clone()).unwrap();
        let options = RenderOptions {
            add_generation_prompt: record["add_generation_prompt"].as_bool().unwrap(),
            tools: record["tools"].as_array().cloned().unwrap_or_default(),
            settings: record["template_kwargs"].as_object().unwrap().clone(),
        };
        let (id, kind) = (&record["record_id"], &record["kind"]);
        match (template().render(&messages, &options), record["rendered"].as_str()) {
            (Ok(text), Some(expected)) => assert_eq!(text, expected, "{id} {kind}"),
            (Err(_), None) => {}
            (Ok(text), None) => panic!("{id} {kind}: should be refused with {}, gave {text}", record["error"]),
            (Err(error), Some(_)) => panic!("{id} {kind}: {error:#}"),
        }
    }
}
