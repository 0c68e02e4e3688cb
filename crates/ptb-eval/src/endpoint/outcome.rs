//! What a reply, or its absence, means for a request.

use serde_json::Value;

use super::reply::completion_of;
use super::trouble::{Trouble, TroubleKind};
use crate::engine::{Completion, StopReason};
use crate::http::{HttpError, HttpProblem, HttpReply};

/// Longest part of a server's message that is shown.
const SHOWN: usize = 600;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// An answer.
    Answer(Completion),
    /// None, but another attempt may bring one.
    Again(Trouble),
    /// None, and none will come; other requests are not concerned.
    Sample(String),
    /// The server cannot go on; a fresh start may help.
    Failed(String),
    /// The server does not want to, and will not later.
    Unavailable(String),
}

impl Outcome {
    fn again(kind: TroubleKind, message: impl Into<String>) -> Self {
        Self::Again(Trouble { kind, message: message.into(), asked: None })
    }
}

/// The meaning of what came back for a request with this token limit.
pub(super) fn outcome_of(result: Result<HttpReply, HttpError>, max_tokens: u32) -> Outcome {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => return without_reply(&error),
    };
    let body = reply.json();
    if !reply.is_success() {
        return refused(reply.status, &body.unwrap_or_else(|_| Value::String(reply.text().into_owned())), &reply);
    }
    match body {
        Err(error) => Outcome::again(TroubleKind::Malformed, format!("the reply is no JSON: {error}")),
        Ok(body) if is_error(&body) => refused(stated_status(&body), &body, &reply),
        Ok(body) => match completion_of(&body, max_tokens) {
            Ok(completion) => Outcome::Answer(completion),
            Err(malformed) => Outcome::again(TroubleKind::Malformed, malformed.to_string()),
        },
    }
}

fn without_reply(error: &HttpError) -> Outcome {
    let kind = match error.problem {
        HttpProblem::Address(_) | HttpProblem::Request(_) => return Outcome::Unavailable(error.to_string()),
        HttpProblem::TooLong { .. } => TroubleKind::Malformed,
        HttpProblem::Connect(_) => TroubleKind::Unreachable,
        HttpProblem::Broken(_) | HttpProblem::Silence(_) => TroubleKind::Connection,
        HttpProblem::Timeout(_) => TroubleKind::Slow,
    };
    Outcome::again(kind, error.to_string())
}

/// Some servers report errors with status 200.
fn is_error(body: &Value) -> bool {
    !body["error"].is_null() || body["object"] == "error"
}

fn stated_status(body: &Value) -> u16 {
    let codes = [&body["error"]["code"], &body["code"], &body["error"]["status"], &body["status"]];
    let status = codes.into_iter().find_map(Value::as_u64).filter(|code| (400..600).contains(code));
    status.map_or(500, |status| status as u16)
}

fn refused(status: u16, body: &Value, reply: &HttpReply) -> Outcome {
    let message = message_of(body);
    if context_length_message(status, body).is_some() {
        return Outcome::Answer(Completion { stop_reason: StopReason::ModelLength, ..Completion::of_text("") });
    }
    let told = format!("the server answered {status}: {}", shortened(&message));
    match status {
        300..=399 => {
            Outcome::Unavailable(format!("the server points elsewhere ({}); give that address", location(reply)))
        }
        401 | 403 => Outcome::Unavailable(format!("{told}; check the key")),
        404 | 405 => Outcome::Unavailable(format!("{told}; check the address and the model's name")),
        402 => Outcome::Unavailable(told),
        429 if has_no_quota(body) => Outcome::Unavailable(format!("{told}; the account has nothing left to spend")),
        429 | 503 | 529 => overload(told, reply),
        500..=599 if is_fatal(&message) => Outcome::Failed(told),
        408 | 409 | 425 | 500..=599 => {
            Outcome::Again(Trouble { kind: TroubleKind::Server, message: told, asked: reply.asked_pause() })
        }
        _ if message.contains("--enable-auto-tool-choice") => {
            Outcome::Unavailable(format!("{told}; start the server with these flags"))
        }
        _ => Outcome::Sample(told),
    }
}

fn overload(message: String, reply: &HttpReply) -> Outcome {
    if is_fatal(&message) {
        return Outcome::Failed(message);
    }
    Outcome::Again(Trouble { kind: TroubleKind::Overload, message, asked: reply.asked_pause() })
}

fn location(reply: &HttpReply) -> String {
    let location = reply.headers.get("location").and_then(|location| location.to_str().ok());
    location.map_or_else(|| "without saying where".to_owned(), |location| shortened(location).to_owned())
}

/// The server's own words.
fn message_of(body: &Value) -> String {
    let candidates = [&body["error"]["message"], &body["error"], &body["message"], &body["detail"], body];
    match candidates.into_iter().find_map(Value::as_str) {
        Some(text) => text.trim().to_owned(),
        None => body.to_string(),
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN)]
}

fn has_no_quota(body: &Value) -> bool {
    [&body["error"]["code"], &body["error"]["type"]].into_iter().any(|code| code == "insufficient_quota")
}

/// After these the server does not recover by itself.
fn is_fatal(message: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "out of memory",
        "outofmemoryerror",
        "enginedeaderror",
        "enginecore encountered an issue",
        "background loop has errored",
        "cublas_status_alloc_failed",
    ];
    let message = message.to_lowercase();
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// The message of a reply that says that the conversation does not fit into the model's context.
///
/// The reference takes this message for the model's answer; here the answer is an empty one, because a number in the
/// message is no answer to anything.
pub fn context_length_message(status: u16, body: &Value) -> Option<String> {
    const SIGNS: [&str; 6] = [
        "maximum context length",
        "longer than the model's context length",
        "exceeds the available context size",
        "exceed_context_size_error",
        "context_length_exceeded",
        "exceeds the context",
    ];
    if !matches!(status, 400 | 413 | 422) {
        return None;
    }
    let message = message_of(body);
    let codes = [&body["error"]["type"], &body["error"]["code"]].map(|code| code.as_str().unwrap_or_default());
    let found = |text: &str| SIGNS.iter().any(|sign| text.contains(sign));
    (found(&message.to_lowercase()) || codes.into_iter().any(found)).then_some(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::HeaderMap;

    fn reply(status: u16, body: &str) -> Outcome {
        let reply = HttpReply { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec().into() };
        outcome_of(Ok(reply), 10)
    }

    fn error(status: u16, message: &str) -> Outcome {
        reply(status, &json!({"error": {"message": message, "type": "BadRequestError", "code": status}}).to_string())
    }

    fn kind(outcome: &Outcome) -> Option<TroubleKind> {
        match outcome {
            Outcome::Again(trouble) => Some(trouble.kind),
            _ => None,
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [408, 409, 425, 500, 502, 504] {
            assert_eq!(kind(&error(status, "busy")), Some(TroubleKind::Server), "{status}");
        }
        for status in [429, 503, 529] {
            assert_eq!(kind(&error(status, "busy")), Some(TroubleKind::Overload), "{status}");
        }
        for body in ["", "{", "{\"choices\": []}", "<html>", "null", "{\"choices\": [{\"message\": 5}]}"] {
            assert_eq!(kind(&reply(200, body)), Some(TroubleKind::Malformed), "{body}");
        }
    }

    #[test]
    fn a_full_context_is_an_empty_answer() {
        let vllm = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.";
        let sglang = "The input (5000 tokens) is longer than the model's context length (4096 tokens).";
        let llama = "the request exceeds the available context size, try increasing it";
        for message in [vllm, sglang, llama] {
            let Outcome::Answer(completion) = error(400, message) else { panic!("{message}") };
            assert_eq!((completion.text.as_str(), completion.stop_reason), ("", StopReason::ModelLength));
        }
        assert_eq!(context_length_message(400, &json!({"message": vllm})), Some(vllm.to_owned()));
        assert!(matches!(error(400, "some other bad request"), Outcome::Sample(_)));
        assert_eq!(kind(&error(500, vllm)), Some(TroubleKind::Server));
    }

    #[test]
    fn what_never_passes_ends_at_once_with_advice() {
        let refused = |outcome| match outcome {
            Outcome::Unavailable(message) => message,
            other => panic!("{other:?}"),
        };
        assert!(refused(error(401, "no key")).contains("check the key"));
        assert!(refused(error(404, "The model `x` does not exist.")).contains("model's name"));
        let quota = json!({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}});
        assert!(refused(reply(429, &quota.to_string())).contains("nothing left"));
        assert!(refused(error(400, "\"auto\" tool choice requires --enable-auto-tool-choice")).contains("flags"));
    }

    #[test]
    fn what_a_server_does_not_survive_is_told_apart() {
        for message in
            ["CUDA out of memory. Tried to allocate 2 GiB", "EngineCore encountered an issue. See stack trace"]
        {
            for status in [500, 503] {
                let Outcome::Failed(told) = error(status, message) else { panic!("{message}") };
                assert!(told.contains(message));
            }
        }
    }

    #[test]
    fn errors_with_status_200_are_errors() {
        assert_eq!(kind(&error(200, "oops")), Some(TroubleKind::Server));
        let stated = |code: u16| reply(200, &json!({"error": {"message": "oops", "code": code}}).to_string());
        assert_eq!(kind(&stated(429)), Some(TroubleKind::Overload));
        assert!(matches!(stated(400), Outcome::Sample(_)));
        let old = json!({"object": "error", "message": "oops", "code": 400});
        assert_eq!(reply(200, &old.to_string()), Outcome::Sample("the server answered 400: oops".to_owned()));
    }

    #[test]
    fn long_messages_are_cut() {
        let Outcome::Sample(message) = error(400, &"é".repeat(100_000)) else { panic!("another outcome") };
        assert!(message.len() < SHOWN + 100);
    }
}
