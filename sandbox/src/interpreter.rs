//! The code interpreter (port 49999): placeholder until the kernels arrive.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::sandbox::Sandbox;

/// What a sandbox's interpreter keeps between requests.
pub struct Interpreter {}

/// Answers one request to port 49999. The token has been checked.
pub async fn handle(_sandbox: Arc<Sandbox>, _request: Request) -> Response {
    (StatusCode::NOT_IMPLEMENTED, "the code interpreter is not built in yet").into_response()
}
