//! Routes, and the life of the server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::engine::EngineHandle;
use super::error::ApiError;
use super::request::ChatRequest;
use super::response::Answer;
use crate::generate::{Limits, Model};

/// How the server is set up.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// The name under which clients ask for the model.
    pub model_name: String,
    /// How much runs together.
    pub limits: Limits,
    /// Most completions that are accepted at a time, running ones included; beyond, the answer is 429.
    pub queue: usize,
    /// Largest body of a request, in bytes.
    pub body_limit: usize,
    /// How long running requests may go on after the shutdown has been asked for.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8000)),
            model_name: "model".to_owned(),
            limits: Limits::default(),
            queue: 256,
            body_limit: 8 << 20,
            grace: Duration::from_secs(10),
        }
    }
}

/// Why the server cannot run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address is taken or not allowed.
    #[error("cannot listen on {address}: {error}; choose another port, or 0 for any")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why it cannot.
        error: io::Error,
    },
    /// The system refused a thread, or the connection to the network failed.
    #[error("the server failed: {0}; start it again")]
    Io(#[from] io::Error),
    /// The thread that generates ended by itself.
    #[error("the engine stopped unexpectedly; start the server again and report what was asked of it")]
    Engine,
}

/// A server that listens, but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    model: Arc<Model>,
    options: ServeOptions,
}

#[derive(Clone)]
struct Shared {
    model: Arc<Model>,
    model_name: Arc<str>,
    engine: EngineHandle,
    counter: Arc<AtomicU64>,
    started: u64,
}

impl Server {
    /// Takes the address.
    pub async fn bind(model: Arc<Model>, options: ServeOptions) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Bind { address: options.address, error };
        let listener = TcpListener::bind(options.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, model, options })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is done; then running requests may finish within the grace period.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let grace = self.options.grace;
        let (engine, thread) = EngineHandle::start(self.model.clone(), self.options.limits, self.options.queue.max(1))?;
        let (asked, is_asked) = oneshot::channel();
        let shutdown = async move {
            shutdown.await;
            // Nobody listens if the server has failed by itself.
            let _ = asked.send(());
        };
        let server = axum::serve(self.listener, routes(self.model, engine.clone(), &self.options));
        let overtime = async move {
            if is_asked.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            result = server.with_graceful_shutdown(shutdown).into_future() => result?,
            () = overtime => {}
        }
        // Connections that are still open hold handles, so the engine is told to end.
        engine.stop();
        join(thread).await
    }
}

async fn join(thread: JoinHandle<()>) -> Result<(), ServeError> {
    match tokio::task::spawn_blocking(move || thread.join()).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(ServeError::Engine),
    }
}

fn routes(model: Arc<Model>, engine: EngineHandle, options: &ServeOptions) -> Router {
    let shared = Shared {
        model,
        model_name: options.model_name.as_str().into(),
        engine,
        counter: Arc::default(),
        started: now(),
    };
    Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(chat))
        .method_not_allowed_fallback(async || ApiError::wrong_method())
        .fallback(async || ApiError::no_such_route())
        .layer(DefaultBodyLimit::max(options.body_limit))
        .with_state(shared)
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn models(State(shared): State<Shared>) -> Json<Value> {
    let model = json!({
        "id": &*shared.model_name,
        "object": "model",
        "created": shared.started,
        "owned_by": "ptb",
        "max_model_len": shared.model.context(),
    });
    Json(json!({"object": "list", "data": [model]}))
}

async fn chat(State(shared): State<Shared>, body: Result<Bytes, BytesRejection>) -> Response {
    match answer(shared, body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(shared: Shared, body: Result<Bytes, BytesRejection>) -> Result<Response, ApiError> {
    let body = body.map_err(|error| ApiError::body(error.status(), error.body_text()))?;
    let number = shared.counter.fetch_add(1, Ordering::Relaxed);
    let (model, name) = (shared.model.clone(), shared.model_name.clone());
    // Long texts take a while to tokenise; the other connections must not wait for that.
    let prepare = move || {
        let request = ChatRequest::from_json(&body)?;
        let (streams, includes_usage) = (request.stream.unwrap_or(false), request.includes_usage());
        let (requests, parses_calls) = request.into_generation(&model, &name, fresh_seed(number))?;
        Ok::<_, ApiError>((requests, parses_calls, streams, includes_usage))
    };
    let prepared = tokio::task::spawn_blocking(prepare).await;
    let (requests, parses_calls, streams, includes_usage) = prepared.map_err(|_| ApiError::stopping())??;
    let answer = Answer {
        id: format!("chatcmpl-{}-{number}", shared.started),
        model: shared.model_name.to_string(),
        created: now(),
        choices: requests.len(),
        parses_calls,
        includes_usage,
    };
    let events = shared.engine.submit(requests).await?;
    if streams { Ok(answer.stream(events)) } else { answer.whole(events).await }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A seed for a request that brings none: different for every request and every start.
fn fresh_seed(number: u64) -> u64 {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    nanoseconds.rotate_left(20) ^ number
}
