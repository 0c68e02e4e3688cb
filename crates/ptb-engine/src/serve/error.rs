//! Errors as OpenAI's clients expect them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::generate::{GenerationError, ModelError, RequestError};

/// Seconds after which a client that found the queue full may try again.
const RETRY_AFTER: &str = "1";

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    /// OpenAI's class of the error.
    class: &'static str,
    code: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, class: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, class, code, message: message.into() }
    }

    /// The request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_value", message)
    }

    /// The request asks for something that this server does not do.
    pub(super) fn unsupported(what: &str) -> Self {
        let message = format!("{what} is not supported by this server; leave it out");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "unsupported", message)
    }

    pub(super) fn unknown_model(asked: &str, served: &str) -> Self {
        let message = format!("the model {asked:?} is not served here; ask for {served:?}");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "model_not_found", message)
    }

    pub(super) fn body(status: StatusCode, reason: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", "invalid_body", reason)
    }

    pub(super) fn no_such_route() -> Self {
        let message = "there is nothing here; POST /v1/chat/completions, GET /v1/models or GET /health";
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "not_found", message)
    }

    pub(super) fn wrong_method() -> Self {
        let message = "this address takes another method; POST /v1/chat/completions, GET elsewhere";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", "method_not_allowed", message)
    }

    pub(super) fn queue_full(places: usize) -> Self {
        let message = format!("all {places} places of the queue are taken; try again in a moment");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "queue_full", message)
    }

    pub(super) fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            "stopping",
            "the server is stopping; try again later",
        )
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.class, "param": null, "code": self.code}})
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let code = match error {
            RequestError::PromptTooLong { .. } | RequestError::CacheTooSmall { .. } => "context_length_exceeded",
            _ => "invalid_value",
        };
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, error.to_string())
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<GenerationError> for ApiError {
    fn from(error: GenerationError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "generation_failed", error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.to_json())).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}
