//! What a judge's server said.

use std::time::Duration;

use serde_json::Value;

use crate::grader::JudgeUsage;
use crate::http::{HttpError, HttpProblem, HttpReply};

use super::attempts::Trouble;

/// Characters of a server's words that are shown.
const SHOWN: usize = 300;

/// What came back for one request.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) usage: JudgeUsage,
    pub(super) text: Result<String, Problem>,
    /// The pause that the server asks for.
    pub(super) asked_pause: Option<Duration>,
    /// Whether the server is overloaded.
    pub(super) overloaded: bool,
}

/// Why it brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) trouble: Trouble,
    pub(super) said: String,
    /// Whether every other request will fail in the same way.
    pub(super) for_all: bool,
}

impl Problem {
    pub(super) fn new(trouble: Trouble, said: String) -> Self {
        Self { trouble, said, for_all: false }
    }

    fn for_all(said: String) -> Self {
        Self { trouble: Trouble::Refused, said, for_all: true }
    }
}

/// Reads a reply, or the lack of one.
pub(super) fn hear(reply: Result<HttpReply, HttpError>) -> Heard {
    match reply {
        Ok(reply) if reply.is_success() => {
            let (usage, text) = match reply.json() {
                Ok(json) => (usage(&json), text(&json)),
                Err(error) => (JudgeUsage::default(), Err(unreadable(format!("a reply that is no JSON: {error}")))),
            };
            Heard { usage, text, asked_pause: None, overloaded: false }
        }
        Ok(reply) => Heard {
            usage: JudgeUsage::default(),
            text: Err(refusal(&reply)),
            asked_pause: reply.asked_pause(),
            overloaded: reply.status == 429,
        },
        Err(error) => {
            let text = Err(no_reply(&error));
            Heard { usage: JudgeUsage::default(), text, asked_pause: None, overloaded: false }
        }
    }
}

fn no_reply(error: &HttpError) -> Problem {
    match &error.problem {
        HttpProblem::Address(_) | HttpProblem::Request(_) => Problem::for_all(error.to_string()),
        HttpProblem::TooLong { .. } => unreadable(error.to_string()),
        _ => Problem::new(Trouble::Unanswered, error.to_string()),
    }
}

fn unreadable(said: String) -> Problem {
    Problem::new(Trouble::Unreadable, said)
}

/// The judge's text. Of a refusal there is none.
fn text(json: &Value) -> Result<String, Problem> {
    let Some(choice) = json["choices"].get(0) else { return Err(unreadable("a reply without choices".to_owned())) };
    match &choice["message"]["content"] {
        Value::String(text) => Ok(text.clone()),
        _ => match choice["message"]["refusal"].as_str() {
            Some(refusal) => Err(unreadable(format!("a refusal: {}", shown(refusal)))),
            None => Err(unreadable("a reply without text".to_owned())),
        },
    }
}

fn usage(json: &Value) -> JudgeUsage {
    let usage = &json["usage"];
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    JudgeUsage {
        input_tokens: count(&usage["prompt_tokens"]),
        cached_tokens: count(&usage["prompt_tokens_details"]["cached_tokens"]),
        output_tokens: count(&usage["completion_tokens"]),
        reasoning_tokens: count(&usage["completion_tokens_details"]["reasoning_tokens"]),
    }
}

fn refusal(reply: &HttpReply) -> Problem {
    let said = format!("status {}: {}", reply.status, shown(&reply.text()));
    match reply.status {
        // A used-up account is told like too many requests, but does not pass by itself.
        429 if reply.text().contains("insufficient_quota") => Problem::for_all(said),
        401..=404 => Problem::for_all(said),
        408 | 409 | 429 | 500.. => Problem::new(Trouble::Unanswered, said),
        _ => Problem::new(Trouble::Refused, said),
    }
}

/// The beginning of a text on one line.
pub(super) fn shown(text: &str) -> String {
    let words = text.split(|char: char| char.is_whitespace() || char.is_control()).filter(|word| !word.is_empty());
    let mut line: String = words.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(SHOWN) {
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(status: u16, body: &str) -> Result<String, Problem> {
        hear(Ok(HttpReply { status, headers: crate::http::HeaderMap::new(), body: body.to_owned().into() })).text
    }

    #[test]
    fn replies_without_text_are_told_apart() {
        for (body, word) in [
            ("", "no JSON"),
            ("[]", "without choices"),
            (r#"{"choices": []}"#, "without choices"),
            (r#"{"choices": [{}]}"#, "without text"),
            (r#"{"choices": [{"message": {"content": null}}]}"#, "without text"),
            (r#"{"choices": [{"message": {"content": null, "refusal": "I will not"}}]}"#, "I will not"),
        ] {
            let problem = heard(200, body).unwrap_err();
            assert!(problem.said.contains(word) && problem.trouble == Trouble::Unreadable, "{body}: {problem:?}");
        }
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for status in [408, 409, 429, 500, 503, 529] {
            assert_eq!(heard(status, "").unwrap_err().trouble, Trouble::Unanswered, "{status}");
        }
        for status in [401, 402, 403, 404] {
            assert!(heard(status, "").unwrap_err().for_all, "{status}");
        }
        assert!(heard(429, r#"{"error": {"code": "insufficient_quota"}}"#).unwrap_err().for_all);
        assert_eq!(heard(400, "no").unwrap_err(), Problem::new(Trouble::Refused, "status 400: no".to_owned()));
    }

    #[test]
    fn tokens_are_counted_where_the_server_says_them() {
        let json = json!({"usage": {
            "prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3}
        }});
        let expected = JudgeUsage { input_tokens: 10, cached_tokens: 4, output_tokens: 5, reasoning_tokens: 3 };
        assert_eq!(usage(&json), expected);
        assert_eq!(usage(&json!({"usage": {"prompt_tokens": -1.5}})), JudgeUsage::default());
    }

    #[test]
    fn long_words_are_cut_and_kept_on_a_line() {
        let line = shown(&"\u{1b}[31m\n<html> ".repeat(1000));
        assert!(!line.contains(['\n', '\u{1b}']) && line.len() < 400, "{line}");
    }
}
