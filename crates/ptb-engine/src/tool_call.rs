//! Function calls in what a model writes, in the format of the Hermes models: `<tool_call>`, a JSON object with `name` and
//! `arguments`, `</tool_call>`. All families write calls like that here.
//!
//! What counts as a call is what vLLM's parser of the same name takes for one, so that the embedded engine and a vLLM
//! server say the same about the same text: everything behind the first mark must be calls, or the whole is plain text.

use crate::template::python::{Dict, Loaded, dumps, escape_halves, loads};

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCall {
    /// The function.
    pub name: String,
    /// The arguments as JSON, as the model gave them: not necessarily an object.
    pub arguments: String,
}

/// What a text says and calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The text in front of the calls; all of it where there are none.
    pub content: String,
    /// The calls, in order.
    pub calls: Vec<FunctionCall>,
}

impl Reply {
    /// Finds the calls in a text.
    pub fn parse(text: &str) -> Self {
        let found = text.find(OPEN).and_then(|start| Some((start, calls(&text[start..])?)));
        match found {
            Some((start, calls)) => Self { content: text[..start].to_owned(), calls },
            None => Self { content: text.to_owned(), calls: Vec::new() },
        }
    }
}

/// The calls of a text that begins with a mark; none at all where one of them is malformed.
fn calls(text: &str) -> Option<Vec<FunctionCall>> {
    let (mut calls, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(OPEN) {
        let body = &rest[start + OPEN.len()..];
        // The last call may lack its end: the token limit can cut it off there.
        let (body, after) = body.split_once(CLOSE).filter(|(body, _)| !body.is_empty()).unwrap_or((body, ""));
        calls.push(call(body)?);
        rest = after;
    }
    Some(calls)
}

fn call(body: &str) -> Option<FunctionCall> {
    let Loaded { value, halves } = loads(body).ok()?;
    let fields = value.downcast_object_ref::<Dict>()?;
    let name = fields.get("name")?.as_str()?.to_owned();
    let arguments = dumps(fields.get("arguments")?).ok()?;
    let arguments = if halves { escape_halves(&arguments) } else { arguments };
    Some(FunctionCall { name, arguments })
}

/// Tells text from calls while the text grows.
#[derive(Debug, Default)]
pub struct GrowingReply {
    held: String,
    opened: bool,
}

impl GrowingReply {
    /// Takes the next piece; gives what is certainly no call.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        if self.opened {
            return String::new();
        }
        if let Some(start) = self.held.find(OPEN) {
            self.opened = true;
            return self.held.drain(..start).collect();
        }
        let begins_mark = |kept: &usize| self.held.ends_with(&OPEN[..*kept]);
        let kept = (1..OPEN.len()).rev().find(begins_mark).unwrap_or(0);
        self.held.drain(..self.held.len() - kept).collect()
    }

    /// The rest of the text, and the calls.
    pub fn finish(self) -> Reply {
        Reply::parse(&self.held)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Content and calls of a text, calls as `name(arguments)`.
    fn parsed(text: &str) -> (String, Vec<String>) {
        let Reply { content, calls } = Reply::parse(text);
        (content, calls.iter().map(|call| format!("{}({})", call.name, call.arguments)).collect())
    }

    #[test]
    fn calls_are_found_behind_the_text() {
        let one = r#"<tool_call>
{"name": "f", "arguments": {"a": 1, "é": [1.0, null, "x\"y"]}}
</tool_call>"#;
        let call = r#"f({"a": 1, "é": [1.0, null, "x\"y"]})"#.to_owned();
        assert_eq!(parsed(one), (String::new(), vec![call.clone()]));
        assert_eq!(parsed(&format!("I look.\n{one}\n{one} done")), ("I look.\n".to_owned(), vec![call.clone(), call]));
        assert_eq!(parsed("no call"), ("no call".to_owned(), vec![]));
    }

    #[test]
    fn a_call_without_an_end_counts_when_it_is_whole() {
        assert_eq!(parsed(r#"a<tool_call>{"name": "f", "arguments": {}}"#), ("a".to_owned(), vec!["f({})".to_owned()]));
    }

    #[test]
    fn numbers_and_odd_arguments_are_kept_as_they_are() {
        for (arguments, kept) in [
            ("[1, 2]", "[1, 2]"),
            ("\"text\"", "\"text\""),
            ("100000000000000000000000000000000000000000", "100000000000000000000000000000000000000000"),
            ("{\"a\": 1e5, \"a\": NaN}", "{\"a\": NaN}"),
            ("\"\\ud800\"", "\"\\ud800\""),
            ("null", "null"),
        ] {
            let text = format!(r#"<tool_call>{{"name": "f", "arguments": {arguments}}}</tool_call>"#);
            assert_eq!(parsed(&text).1, [format!("f({kept})")]);
        }
    }

    #[test]
    fn one_malformed_call_makes_all_of_it_plain_text() {
        let good = r#"<tool_call>{"name": "f", "arguments": {}}</tool_call>"#;
        for bad in [
            "<tool_call></tool_call>",
            "<tool_call>",
            "<tool_call>{\"name\": \"f\"}</tool_call>",
            "<tool_call>{\"arguments\": {}}</tool_call>",
            "<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>",
            "<tool_call>[\"name\", \"arguments\"]</tool_call>",
            "<tool_call>{'name': 'f', 'arguments': {}}</tool_call>",
            "<tool_call>{\"name\": \"f\", \"arguments\": {}} more</tool_call>",
            "<tool_call><tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>",
        ] {
            let text = format!("before {good} {bad}");
            assert_eq!(parsed(&text), (text.clone(), vec![]), "{bad}");
        }
        let deep = format!("<tool_call>{}", "[".repeat(100_000));
        assert_eq!(parsed(&deep).1, Vec::<String>::new());
    }

    /// Texts in which marks and JSON are frequent.
    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just(OPEN.to_owned()),
            Just(CLOSE.to_owned()),
            Just(r#"{"name": "f", "arguments": {"x": 1}}"#.to_owned()),
            Just("<tool_".to_owned()),
            "[a<>{}\":,\\\\ é\n]{0,4}",
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in hostile()) {
            let reply = Reply::parse(&text);
            prop_assert!(text.starts_with(&reply.content));
            if reply.calls.is_empty() {
                prop_assert_eq!(&reply.content, &text);
            } else {
                prop_assert_eq!(text.find(OPEN), Some(reply.content.len()));
                for call in &reply.calls {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&call.arguments).is_ok());
                }
            }
        }

        #[test]
        fn pieces_give_what_the_whole_gives(text in hostile(), at in prop::collection::vec(0_usize..60, 0..6)) {
            let mut places: Vec<_> = at.into_iter().filter(|place| text.is_char_boundary(*place)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let mut growing = GrowingReply::default();
            let mut content: String = places.windows(2).map(|ends| growing.push(&text[ends[0]..ends[1]])).collect();
            let rest = growing.finish();
            content.push_str(&rest.content);
            prop_assert_eq!(Reply { content, calls: rest.calls }, Reply::parse(&text));
        }

        #[test]
        fn what_is_written_as_a_call_is_read_as_one(name in "[a-z_.]{1,12}", text in "\\PC*", content in "[a-z \n]*") {
            let arguments = serde_json::json!({"text": text, "n": 1}).to_string();
            let whole = format!("{content}<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>");
            prop_assume!(!text.contains(CLOSE));
            let reply = Reply::parse(&whole);
            prop_assert_eq!(&reply.content, &content);
            prop_assert_eq!(reply.calls.len(), 1);
            prop_assert_eq!(&reply.calls[0].name, &name);
            let given: serde_json::Value = serde_json::from_str(&reply.calls[0].arguments).unwrap();
            prop_assert_eq!(given, serde_json::from_str::<serde_json::Value>(&arguments).unwrap());
        }
    }
}
