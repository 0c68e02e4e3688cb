//! The engine itself.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::address::Address;
use super::driver::{Asker, Driver};
use super::error::EndpointError;
use super::trouble::Patience;
use crate::engine::{ChatRequest, Engine, EngineError, OnCompletion};
use crate::http::{ApiKey, Backoff, HeaderMap, HttpClient, HttpLimits};

/// A long answer of a small model on a busy server takes minutes; a server that takes longer has stalled.
const ANSWER_TIME: Duration = Duration::from_mins(30);
/// Several times the longest completion that is kept, escapes included.
const LONGEST_REPLY: usize = 8 << 20;
/// Longest time for the list of models.
const LIST_TIME: Duration = Duration::from_secs(20);
/// Answers that wait to be scored. When they fill up, no further answer is read.
const QUEUE: usize = 64;

/// What is asked of a server, and how.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Name of the engine in logs.
    pub name: String,
    /// The server.
    pub address: Address,
    /// The model to ask for; without one the server must have exactly one.
    pub model: Option<String>,
    /// The key, where the server wants one.
    pub key: Option<ApiKey>,
    /// Most requests at one time.
    pub connections: usize,
    /// Whether each request carries its sample's seed.
    pub send_seed: bool,
    /// Whether the server decodes greedily, as far as one knows; see [`super::decodes_greedily`].
    pub greedy: bool,
    /// Bounds of one request.
    pub limits: HttpLimits,
    /// Pauses between attempts.
    pub backoff: Backoff,
    /// How long trouble is taken for passing.
    pub patience: Patience,
}

impl EndpointSettings {
    /// The usual settings.
    pub fn new(address: Address) -> Self {
        Self {
            name: "endpoint".to_owned(),
            address,
            model: None,
            key: None,
            connections: 64,
            send_seed: false,
            greedy: false,
            limits: HttpLimits { total: ANSWER_TIME, body_bytes: LONGEST_REPLY, ..HttpLimits::default() },
            backoff: Backoff::default(),
            patience: Patience::default(),
        }
    }

    fn headers(&self) -> HeaderMap {
        self.key.iter().map(|key| (AUTHORIZATION, key.bearer())).collect()
    }
}

/// A server that answers chat completions.
#[derive(Debug)]
pub struct HttpEngine {
    settings: EndpointSettings,
    asker: Arc<Asker>,
    runtime: Runtime,
    stop: watch::Receiver<Option<String>>,
}

impl HttpEngine {
    /// Asks the server for its models and takes the one that is asked for.
    pub fn connect(settings: EndpointSettings) -> Result<Self, EndpointError> {
        let (runtime, client) = (runtime()?, HttpClient::default());
        let served = runtime.block_on(served_models(&client, &settings))?;
        let model = choose_model(&settings, served)?;
        Ok(Self::assemble(settings, model, runtime, client, watch::channel(None).1))
    }

    /// An engine for a server that is known to have the model. `stop` may name a reason to end at any time, such as the
    /// death of the server's process.
    pub fn for_server(
        settings: EndpointSettings,
        model: &str,
        stop: watch::Receiver<Option<String>>,
    ) -> Result<Self, EndpointError> {
        Ok(Self::assemble(settings, model.to_owned(), runtime()?, HttpClient::default(), stop))
    }

    fn assemble(
        settings: EndpointSettings,
        model: String,
        runtime: Runtime,
        client: HttpClient,
        stop: watch::Receiver<Option<String>>,
    ) -> Self {
        let asker = Asker {
            client,
            url: settings.address.completions(),
            headers: settings.headers(),
            key: settings.key.clone(),
            model,
            send_seed: settings.send_seed,
            limits: settings.limits,
        };
        Self { settings, asker: Arc::new(asker), runtime, stop }
    }

    /// The model that is asked for.
    pub fn model(&self) -> &str {
        &self.asker.model
    }
}

impl Engine for HttpEngine {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn is_greedy(&self) -> bool {
        self.settings.greedy
    }

    fn generate(&self, requests: Vec<ChatRequest>, on_completion: OnCompletion<'_>) -> Result<(), EngineError> {
        let EndpointSettings { connections, backoff, patience, .. } = self.settings;
        let driver = Driver::new(Arc::clone(&self.asker), requests, connections, backoff, patience);
        let (sender, mut answers) = mpsc::channel(QUEUE);
        let driving = self.runtime.spawn(driver.run(sender, self.stop.clone()));
        while let Some((index, answer)) = answers.blocking_recv() {
            if on_completion(index, answer).is_break() {
                // The driver sees that nobody listens, and ends with its requests.
                drop(answers);
                break;
            }
        }
        self.runtime.block_on(driving).unwrap_or_else(|error| Err(EngineError::Failed(error.to_string())))
    }
}

/// One thread for the network: reading and writing takes little of it, and scoring has the caller's.
fn runtime() -> Result<Runtime, EndpointError> {
    let builder = &mut tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(1).thread_name("ptb-http").enable_all().build()?)
}

async fn served_models(client: &HttpClient, settings: &EndpointSettings) -> Result<Vec<String>, EndpointError> {
    let limits = HttpLimits { total: LIST_TIME, ..settings.limits };
    let reply = client.get(&settings.address.models(), &settings.headers(), &limits).await?;
    match reply.status {
        200..=299 => Ok(model_names(&reply.json().unwrap_or_default())),
        // Not every server has such a list.
        404 | 405 | 501 => Ok(Vec::new()),
        status => {
            let text = reply.text();
            let text = text.get(..text.floor_char_boundary(300)).unwrap_or_default();
            let message = settings.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text));
            Err(EndpointError::Refused { address: settings.address.shown().to_owned(), status, message })
        }
    }
}

fn model_names(list: &Value) -> Vec<String> {
    let names = list["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str());
    names.map(str::to_owned).collect()
}

fn choose_model(settings: &EndpointSettings, mut served: Vec<String>) -> Result<String, EndpointError> {
    let address = settings.address.shown().to_owned();
    match &settings.model {
        Some(model) if served.is_empty() || served.contains(model) => Ok(model.clone()),
        Some(model) => Err(EndpointError::UnknownModel { address, model: model.clone(), models: served }),
        None if served.len() == 1 => Ok(served.remove(0)),
        None => Err(EndpointError::NoModel { address, models: served }),
    }
}
