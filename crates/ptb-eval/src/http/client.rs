//! The client.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::http::{HeaderValue, Method, Uri};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use tower_service::Service;

use super::HeaderMap;
use super::error::{HttpError, HttpProblem, chain};
use super::reply::HttpReply;

/// Longest time that a connection, encryption included, takes to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers close idle connections after a few seconds; a request on such a connection would be lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// A peer that vanished without a word is found out by the kernel.
const KEEPALIVE: Duration = Duration::from_secs(30);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("ptb/", env!("CARGO_PKG_VERSION")));

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// From the first connection attempt to the last byte.
    pub total: Duration,
    /// Between two pieces of the reply's body.
    pub silence: Duration,
    /// Longest body that is read.
    pub body_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { total: Duration::from_mins(10), silence: Duration::from_mins(1), body_bytes: 16 << 20 }
    }
}

/// Sends requests, many at a time, over connections that it keeps. Clones share them.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<Timed<HttpsConnector<HttpConnector>>, Full<Bytes>>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HttpClient")
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new(CONNECT_TIMEOUT)
    }
}

impl HttpClient {
    /// A client that gives up connecting after `connect_timeout`.
    pub fn new(connect_timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(Timed { connector: https, limit: connect_timeout });
        Self { client }
    }

    /// Sends JSON. Replies of every status are replies; only a missing one is an error.
    pub async fn post_json(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: &impl Serialize,
        limits: &HttpLimits,
    ) -> Result<HttpReply, HttpError> {
        let body =
            serde_json::to_vec(body).map_err(|error| HttpError::new(url, HttpProblem::Request(error.to_string())))?;
        let mut request = request(Method::POST, url, headers, body)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.exchange(url, request, limits).await
    }

    /// Asks for what is at the address.
    pub async fn get(&self, url: &str, headers: &HeaderMap, limits: &HttpLimits) -> Result<HttpReply, HttpError> {
        self.exchange(url, request(Method::GET, url, headers, Vec::new())?, limits).await
    }

    async fn exchange(
        &self,
        url: &str,
        request: Request<Full<Bytes>>,
        limits: &HttpLimits,
    ) -> Result<HttpReply, HttpError> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                let reason = chain(&error);
                if error.is_connect() { HttpProblem::Connect(reason) } else { HttpProblem::Broken(reason) }
            })?;
            read(response, limits).await
        };
        let outcome = tokio::time::timeout(limits.total, exchange).await;
        outcome.unwrap_or(Err(HttpProblem::Timeout(limits.total))).map_err(|problem| HttpError::new(url, problem))
    }
}

fn request(method: Method, url: &str, headers: &HeaderMap, body: Vec<u8>) -> Result<Request<Full<Bytes>>, HttpError> {
    let unusable = |reason: String| HttpError::new(url, HttpProblem::Address(reason));
    let uri: Uri = url.parse().map_err(|error: hyper::http::uri::InvalidUri| unusable(error.to_string()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(unusable("it must begin with http:// or https:// and a host".to_owned()));
    }
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().clone_from(headers);
    request.headers_mut().insert(USER_AGENT, AGENT);
    Ok(request)
}

async fn read(response: Response<Incoming>, limits: &HttpLimits) -> Result<HttpReply, HttpProblem> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    loop {
        let frame = tokio::time::timeout(limits.silence, incoming.frame()).await;
        let Some(frame) = frame.map_err(|_| HttpProblem::Silence(limits.silence))? else { break };
        let Ok(data) = frame.map_err(|error| HttpProblem::Broken(chain(&error)))?.into_data() else { continue };
        if data.len() > limits.body_bytes - body.len() {
            return Err(HttpProblem::TooLong { limit: limits.body_bytes });
        }
        body.extend_from_slice(&data);
    }
    Ok(HttpReply { status: head.status.as_u16(), headers: head.headers, body: body.into() })
}

/// A connector that gives up after a while, wherever it hangs.
#[derive(Clone)]
struct Timed<C> {
    connector: C,
    limit: Duration,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.connector.call(uri), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(format!("nobody answered within {limit:?}").into()),
            }
        })
    }
}
