//! Conversations as lines of JSON: one line out for each line in.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use jiff::civil::Date;
use minijinja::value::{Value, ValueKind};
use thiserror::Error;

use super::chat::ChatTemplate;
use super::python::{Dict, LoadError, Raised, ascii_string, loads};

/// Longest line, in bytes.
pub const LINE_LIMIT: usize = 16 << 20;

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedLine {
    /// An object with `rendered`, or with `error` as the reference words it, and with the line's `record_id`; without a
    /// line break.
    pub json: String,
    /// Whether the line held no conversation at all.
    pub malformed: bool,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum Malformed {
    #[error("longer than {LINE_LIMIT} bytes")]
    TooLong,
    #[error("not UTF-8 from byte {0} on")]
    Encoding(usize),
    #[error("not JSON: {0}")]
    Json(LoadError),
    #[error("not a JSON object")]
    Object,
    #[error("`{0}` is not {1}")]
    Field(&'static str, &'static str),
}

/// How many lines there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCount {
    /// All of them.
    pub all: u64,
    /// Those that held no conversation.
    pub malformed: u64,
}

/// Renders line after line with [`render_line`], until the input ends or `on_line` breaks off.
pub fn render_lines(
    template: &ChatTemplate,
    input: &mut dyn BufRead,
    on_line: &mut dyn FnMut(&RenderedLine) -> ControlFlow<()>,
) -> io::Result<LineCount> {
    let (mut count, mut line) = (LineCount::default(), Vec::new());
    while next_line(input, &mut line)? {
        let rendered = render_line(template, &line);
        count.all += 1;
        count.malformed += u64::from(rendered.malformed);
        if on_line(&rendered).is_break() {
            break;
        }
    }
    Ok(count)
}

/// Reads a line without its end; of one that is too long, just enough to tell.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = Read::take(&mut *input, LINE_LIMIT as u64 + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LINE_LIMIT {
        input.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// Renders the conversation of a line: `messages`, and if need be `tools`, `add_generation_prompt`, `template_kwargs`,
/// `special_tokens` and `today`. Other fields are ignored, but `record_id` comes back.
pub fn render_line(template: &ChatTemplate, line: &[u8]) -> RenderedLine {
    let loaded = match load(line) {
        Ok(loaded) => loaded,
        Err(malformed) => return outcome(None, Err(malformed.into()), false, true),
    };
    let Some(fields) = loaded.value.downcast_object_ref::<Dict>() else {
        return outcome(None, Err(Malformed::Object.into()), false, true);
    };
    let id = fields.get("record_id");
    match Conversation::of(template, fields) {
        Err(malformed) => outcome(id, Err(malformed.into()), loaded.halves, true),
        Ok(Conversation { context, has_tools, today }) => {
            outcome(id, template.render_context(context, has_tools, today), loaded.halves, false)
        }
    }
}

fn load(line: &[u8]) -> Result<super::python::Loaded, Malformed> {
    if line.len() > LINE_LIMIT {
        return Err(Malformed::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|error| Malformed::Encoding(error.valid_up_to()))?;
    loads(text).map_err(Malformed::Json)
}

impl From<Malformed> for Raised {
    fn from(malformed: Malformed) -> Self {
        Raised::new("InputError", format!("the line is {malformed}"))
    }
}

fn outcome(id: Option<&Value>, rendered: Result<String, Raised>, halves: bool, malformed: bool) -> RenderedLine {
    let id = match id.map(|id| (id.as_str(), id)) {
        None => String::new(),
        Some((Some(text), _)) => format!("\"record_id\": {}, ", ascii_string(text, halves)),
        Some((None, id)) => format!("\"record_id\": {}, ", super::python::dumps(id).unwrap_or_default()),
    };
    let (name, text) = match rendered {
        Ok(text) => ("rendered", text),
        Err(raised) => ("error", raised.to_string()),
    };
    RenderedLine { json: format!("{{{id}\"{name}\": {}}}", ascii_string(&text, halves)), malformed }
}

/// What a line holds.
struct Conversation {
    context: BTreeMap<String, Value>,
    has_tools: bool,
    today: Option<Date>,
}

impl Conversation {
    fn of(template: &ChatTemplate, fields: &Dict) -> Result<Self, Malformed> {
        let messages = fields.get("messages").filter(|messages| messages.kind() == ValueKind::Seq);
        let messages = messages.ok_or(Malformed::Field("messages", "a list of messages"))?;
        let mut context = template.special_tokens();
        for name in ["special_tokens", "template_kwargs"] {
            context.extend(variables(fields, name)?);
        }
        context.insert("messages".to_owned(), messages.clone());
        let tools = fields.get("tools").cloned().unwrap_or_default();
        let has_tools = tools.is_true();
        context.insert("tools".to_owned(), tools);
        let add_generation_prompt = fields.get("add_generation_prompt").is_some_and(Value::is_true);
        context.insert("add_generation_prompt".to_owned(), add_generation_prompt.into());
        Ok(Self { context, has_tools, today: today(fields)? })
    }
}

fn variables(fields: &Dict, name: &'static str) -> Result<Vec<(String, Value)>, Malformed> {
    let Some(value) = fields.get(name).filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
    let dict = value.downcast_object_ref::<Dict>().ok_or(Malformed::Field(name, "an object"))?;
    Ok(dict.entries().map(|(key, value)| (key.to_owned(), value.clone())).collect())
}

fn today(fields: &Dict) -> Result<Option<Date>, Malformed> {
    let Some(value) = fields.get("today").filter(|value| !value.is_none()) else { return Ok(None) };
    let date = value.as_str().and_then(|date| date.parse().ok());
    date.map(Some).ok_or(Malformed::Field("today", "a date such as 2026-08-31"))
}

#[cfg(test)]
mod tests {
    use ptb_core::definitions::Template;

    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_rendered() {
        let template = ChatTemplate::only(Template::Gemma3).unwrap();
        let line = br#"{"messages": [{"role": "user", "content": "Hi"}]}"#;
        let mut input = vec![b' '; LINE_LIMIT * 2];
        input.push(b'\n');
        input.extend(line);
        let mut given = Vec::new();
        let count = render_lines(&template, &mut &*input, &mut |line| {
            given.push(line.clone());
            ControlFlow::Continue(())
        });
        assert_eq!(count.unwrap(), LineCount { all: 2, malformed: 1 });
        assert!(given[0].json.contains("longer than"), "{}", given[0].json);
        assert_eq!(given[1].json, r#"{"rendered": "<bos><start_of_turn>user\nHi<end_of_turn>\n"}"#);
    }

    #[test]
    fn the_day_is_the_line_s_or_today() {
        let template = ChatTemplate::only(Template::Smollm3).unwrap();
        let rendered = |day: &str| {
            let line = format!(r#"{{"messages": [{{"role": "user", "content": "Hi"}}]{day}}}"#);
            render_line(&template, line.as_bytes()).json
        };
        assert!(rendered(r#", "today": "2031-02-03""#).contains("Today Date: 03 February 2031"));
        assert!(rendered("").contains("Today Date: ") && !rendered("").contains("2031"));
    }
}
