//! `ptb serve`: an OpenAI-compatible server on the embedded engine.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use ptb_engine::generate::{Limits, Model};
use ptb_engine::serve::{ServeOptions, Server};
use ptb_engine::template::ChatTemplate;

use super::{Environment, model};
use crate::failure::{Outcome, Sort};
use crate::output;

/// Serves a model through an OpenAI-compatible API: /v1/chat/completions, /v1/models, /health
///
/// Example: ptb serve final_model --listen 127.0.0.1:8000
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// A checkpoint folder, or the id of a base model
    #[arg(value_name = "PATH|ID")]
    model: String,
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The name under which clients ask for the model [default: the name given here]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Sequences generated at one time
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_batch)]
    max_batch: usize,
    /// Requests that may wait; further ones are refused with 429
    #[arg(long, value_name = "N", default_value_t = ServeOptions::default().queue)]
    queue: usize,
}

pub fn serve(arguments: &ServeArguments, environment: &Environment) -> Outcome {
    let found = model::find(&arguments.model, &Environment::catalog(None)?, environment)?;
    let template = ChatTemplate::for_family(found.family).bad()?;
    let model = Arc::new(Model::load(&found.folder, template).usage()?);
    let options = ServeOptions {
        address: arguments.listen,
        model_name: arguments.name.clone().unwrap_or(found.name),
        limits: Limits { max_batch: arguments.max_batch.max(1), ..Limits::default() },
        queue: arguments.queue,
        ..ServeOptions::default()
    };
    let runtime = tokio::runtime::Runtime::new().environment()?;
    runtime.block_on(async {
        let name = options.model_name.clone();
        let server = Server::bind(model, options).await.environment()?;
        output::say(format!("serving {name} on http://{}/v1, end with Ctrl-C", server.address()));
        server.run(ended()).await.bad()
    })
}

/// Waits for the request to end: Ctrl-C or TERM.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
