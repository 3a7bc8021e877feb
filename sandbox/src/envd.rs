//! envd: the files and processes of a sandbox, as E2B's daemon serves them on port 49983.
//!
//! In E2B it runs inside the sandbox. Here the service answers, and asks the sandbox's init for
//! everything that touches the inside.

mod accept_encoding;
mod access;
mod compression;
mod connect_rpc;
mod file_content;
mod file_error;
mod filesystem;
pub mod process;
mod process_messages;
mod process_service;
mod upload;
pub mod watch;
mod watch_service;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde_json::json;

pub use access::{has_token, signed_for};
use connect_rpc::RpcError;

use crate::sandbox::Sandbox;

/// All routes of envd. The sandbox travels as an extension of the request.
pub fn router() -> Router {
    Router::new()
        .route("/files", get(file_content::read).post(upload::write))
        .route("/envs", get(envs))
        .route("/metrics", get(metrics))
        .route("/process.Process/{method}", post(process_service::call))
        .route("/filesystem.Filesystem/{method}", post(filesystem::call))
        .route("/{service}/{method}", post(unknown_method))
        .route_layer(middleware::from_fn(access::check))
        .route("/health", get(async || StatusCode::NO_CONTENT))
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::disable())
}

async fn metrics(Extension(sandbox): Extension<Arc<Sandbox>>) -> Response {
    let sample = sandbox.history.take(&sandbox);
    Json(sample.of_envd(&sandbox)).into_response()
}

async fn envs(Extension(sandbox): Extension<Arc<Sandbox>>) -> Response {
    Json(&sandbox.profile.env_vars).into_response()
}

async fn unknown_method(
    Path((service, method)): Path<(String, String)>,
    request: Request,
) -> Response {
    connect_rpc::refuse(
        &request,
        RpcError::unimplemented(format!("there is no {service}/{method}")),
    )
}

async fn unknown_path(request: Request) -> Response {
    let message = format!(
        "there is no '{}' in envd: it has /files, /envs, /health and calls",
        request.uri().path()
    );
    let body = json!({ "code": 404, "message": message });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
