//! An OpenAI-compatible server whose every answer is the same: what is left when a harness asks it is the harness.
//!
//! ```text
//! cargo run --release -p ptb-eval --example standin_server -- [--port N] [--delay-ms N]
//! ```
//!
//! It prints its address and answers until it is killed.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};

/// The name of its model.
const MODELS: &str = r#"{"object": "list", "data": [{"id": "standin", "object": "model", "owned_by": "ptb"}]}"#;

/// Of usual length and form; the answer is right for a few questions of GSM8K.
const ANSWER: &str = r#"{"id": "chatcmpl-standin", "object": "chat.completion", "created": 1764000000, "model": "standin",
 "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "message": {"role": "assistant", "tool_calls": [],
 "content": "The number of eggs that are left each day is 16 - 3 - 4 = 9. Each of them brings 2 dollars, so that the daily sum is 9 * 2 = 18 dollars. To be sure, the same again the other way round: 18 dollars are 9 eggs, and 9 + 4 + 3 = 16.\n\nANSWER: 18"}}],
 "usage": {"prompt_tokens": 1180, "completion_tokens": 84, "total_tokens": 1264}}"#;

/// The value of a flag on the command line, or 0.
fn argument<T: std::str::FromStr + Default>(flag: &str) -> T {
    let mut words = std::env::args().skip_while(|word| word != flag).skip(1);
    words.next().and_then(|value| value.parse().ok()).unwrap_or_default()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let delay = Duration::from_millis(argument("--delay-ms"));
    let completions = move |_: Bytes| async move {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        json(ANSWER)
    };
    let router = Router::new()
        .route("/health", get(async || "ok"))
        .route("/v1/models", get(async || json(MODELS)))
        .route("/v1/chat/completions", post(completions));
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, argument("--port")))).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, router).await
}

fn json(body: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
