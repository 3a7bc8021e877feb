//! One request's way: route, headers, a slot, a fresh instance, the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::HOST;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;

use crate::body::{self, LogLine, LoggedBody};
use crate::{App, headers, instance};

/// How long a request may wait for another one to end when all slots are taken.
const SLOT_PATIENCE: Duration = Duration::from_secs(10);

/// Spin answers here whether it is up; so does this host.
const HEALTH_PATH: &str = "/.well-known/spin/health";

/// Answers one request. Whatever the component does, there is an answer.
pub(crate) async fn handle(
    app: Arc<App>,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Response<LoggedBody> {
    let request_id = headers::request_id(request.headers());
    let mut line = LogLine {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        component: "".into(),
        request_id: request_id.clone(),
        begin: Instant::now(),
    };
    let span = tracing::info_span!("request", request.id = %request_id);
    let mut response = answer(&app, client, request, &mut line)
        .instrument(span)
        .await;
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(headers::REQUEST_ID, id);
    }
    LoggedBody::wrap(response, line)
}

async fn answer(
    app: &App,
    client: SocketAddr,
    mut request: Request<Incoming>,
    line: &mut LogLine,
) -> Response<WasiBody> {
    let path = line.path.as_str();
    if path == HEALTH_PATH {
        return body::text(StatusCode::OK, "OK".into());
    }
    let Some(found) = app.routes.find(path) else {
        let message = format!("no route leads to `{path}`");
        return body::error(
            StatusCode::NOT_FOUND,
            "not_found",
            &message,
            &line.request_id,
        );
    };
    line.component = Arc::clone(&found.target.id);
    let uri = request.uri().clone();
    headers::set_for_component(
        request.headers_mut(),
        &uri,
        &found,
        client,
        &line.request_id,
    );
    // HTTP/1.0 needs no Host, wasi:http does.
    request
        .headers_mut()
        .entry(HOST)
        .or_insert(HeaderValue::from_static("localhost"));

    let slot =
        match tokio::time::timeout(SLOT_PATIENCE, Arc::clone(&app.slots).acquire_owned()).await {
            Ok(Ok(slot)) => slot,
            _ => {
                let message = "too many requests are running; try again in a moment";
                return body::error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "overloaded",
                    message,
                    &line.request_id,
                );
            }
        };
    match instance::run(app, found.target, request, slot).await {
        Ok(response) => response,
        Err(message) => {
            let message = format!("component `{}` failed: {message}", found.target.id);
            body::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "component_failed",
                &message,
                &line.request_id,
            )
        }
    }
}
