//! The control API: make, find, keep and end sandboxes.
//!
//! E2B's, versions 1 and 2 side by side. Their clients retry on 429, 502, 503 and 504: none of these
//! is answered for anything final.

mod elsewhere;
mod error;
mod idempotency;
mod list;
mod network;
mod pause;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use axum::{Extension, Json, Router};
use chrono::{DateTime, Utc};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use self::error::ApiError;
use self::idempotency::Idempotency;
pub use self::network::PORT_PLACEHOLDER;
use self::view::{Created, Detail};
use crate::clock;
use crate::lifecycle::{OnTimeout, after};
use crate::sandbox::{Profile, Sandbox};
use crate::service::Service;

/// Beyond this a timeout is a mistake.
const LONGEST_TIMEOUT_SECONDS: u64 = 10 * 365 * 86_400;

/// All routes of the control API.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/sandboxes", get(list::first).post(create_first))
        .route("/v2/sandboxes", get(list::second).post(create_second))
        .route("/sandboxes/{id}", get(detail).delete(kill))
        .route("/sandboxes/{id}/connect", post(pause::connect))
        .route("/v2/sandboxes/{id}/connect", post(pause::connect))
        .route("/sandboxes/{id}/pause", post(pause::pause))
        .route("/sandboxes/{id}/resume", post(pause::resume))
        .route("/sandboxes/{id}/timeout", post(set_timeout))
        .route("/sandboxes/{id}/metrics", get(usage))
        .route("/sandboxes/{id}/{operation}", post(not_here).get(not_here))
        .route("/sandboxes/{id}/network", put(network::update))
        .route("/metrics", get(metrics))
        .merge(elsewhere::routes())
        .route_layer(middleware::from_fn_with_state(service.clone(), check_key))
        .route("/health", get(health))
        .route("/files", any(no_sandbox))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(Arc::<Idempotency>::default()))
        .with_state(service)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSandbox {
    #[serde(rename = "templateID")]
    template_id: String,
    timeout: Option<u64>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    env_vars: Option<BTreeMap<String, String>>,
    #[serde(default)]
    secure: bool,
    #[serde(rename = "allow_internet_access", alias = "allowInternetAccess")]
    allow_internet_access: Option<bool>,
    #[serde(default)]
    network: Option<network::Network>,
    #[serde(default)]
    auto_pause: bool,
    #[serde(default)]
    auto_resume: Option<AutoResume>,
    #[serde(default)]
    volume_mounts: Option<Vec<serde_json::Value>>,
    mcp: Option<serde_json::Value>,
    iam: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct AutoResume {
    enabled: bool,
}

#[derive(Default, Deserialize)]
struct Timeout {
    timeout: Option<u64>,
}

async fn create_first(
    State(service): State<Arc<Service>>,
    Extension(keys): Extension<Arc<Idempotency>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let new: NewSandbox = parse(&body)?;
    let secure = new.secure;
    once(&service, &keys, &headers, &body, async || {
        create(&service, new, 15, secure).await
    })
    .await
}

async fn create_second(
    State(service): State<Arc<Service>>,
    Extension(keys): Extension<Arc<Idempotency>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let new = parse(&body)?;
    once(&service, &keys, &headers, &body, async || {
        create(&service, new, 300, true).await
    })
    .await
}

/// Makes a sandbox, unless the request's key stands for one.
async fn once(
    service: &Arc<Service>,
    keys: &Idempotency,
    headers: &HeaderMap,
    body: &[u8],
    make: impl AsyncFnOnce() -> Result<Arc<Sandbox>, ApiError>,
) -> Result<Response, ApiError> {
    let created = |sandbox: &Sandbox| {
        (StatusCode::CREATED, Json(Created::of(sandbox, service))).into_response()
    };
    let Some(entry) = keys.entry(service, headers)? else {
        return make().await.map(|sandbox| created(&sandbox));
    };
    let mut entry = entry.lock().await;
    if let Some(sandbox) = entry.repeated(body)?.and_then(|id| service.get(&id)) {
        return Ok(created(&sandbox));
    }
    let sandbox = make().await?;
    entry.sandbox = Some(sandbox.id.clone());
    Ok(created(&sandbox))
}

async fn create(
    service: &Arc<Service>,
    new: NewSandbox,
    default_seconds: u64,
    secure: bool,
) -> Result<Arc<Sandbox>, ApiError> {
    let absent = |value: &Option<serde_json::Value>| {
        value.as_ref().is_none_or(|value| {
            value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
        })
    };
    if !absent(&new.mcp) {
        return Err(ApiError::Invalid("mcp is not supported by the local sandbox service, which has no MCP gateway; leave it out, and start the server you need as a command".to_owned()));
    }
    if !absent(&new.iam) {
        return Err(ApiError::Invalid("iam is not supported by the local sandbox service, which issues no identities; leave it out, and pass what the code needs in envVars".to_owned()));
    }
    if new.volume_mounts.is_some_and(|mounts| !mounts.is_empty()) {
        return Err(ApiError::Invalid("volumeMounts are not supported by the local sandbox service; leave them out and upload files instead".to_owned()));
    }
    let timeout = seconds(new.timeout.unwrap_or(default_seconds))?;
    let env_vars = new.env_vars.unwrap_or_default();
    if let Some(name) = env_vars
        .iter()
        .find_map(|(name, value)| (!is_variable(name, value)).then_some(name))
    {
        return Err(ApiError::Invalid(format!(
            "envVars has '{}', which cannot be an environment variable; rename it",
            name.escape_debug()
        )));
    }
    let (policy, ingress) =
        network::of_new(service, new.network, new.allow_internet_access, secure)?;
    let access_token = if secure {
        Some(clock::random_id(40).map_err(ApiError::from)?)
    } else {
        None
    };
    let profile = Profile {
        template: new.template_id,
        metadata: new.metadata.unwrap_or_default(),
        env_vars,
        access_token,
        ingress,
        on_timeout: match new.auto_pause {
            true => OnTimeout::Pause,
            false => OnTimeout::Kill,
        },
        auto_resume: new.auto_resume.is_some_and(|auto| auto.enabled),
    };
    Ok(service.create(profile, policy, timeout).await?)
}

fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

async fn detail(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let sandbox = find(&service, &id)?;
    Ok(Json(Detail::of(&sandbox, &service)).into_response())
}

async fn set_timeout(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let timeout: Timeout = parse(&body)?;
    let timeout = timeout.timeout.ok_or_else(|| {
        ApiError::Invalid(
            "the body lacks 'timeout', the seconds the sandbox is to live from now on".to_owned(),
        )
    })?;
    let sandbox = find(&service, &id)?;
    match sandbox.run_until(after(Utc::now(), seconds(timeout)?)) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotRunning(id)),
    }
}

async fn kill(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    match service.kill(&id).await {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound(id)),
    }
}

/// Seconds since 1970.
#[derive(Deserialize)]
struct Period {
    start: Option<i64>,
    end: Option<i64>,
}

async fn usage(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Query(period): Query<Period>,
) -> Result<Response, ApiError> {
    let sandbox = find(&service, &id)?;
    let time =
        |seconds: Option<i64>| seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    // A second counts as a whole: the last one includes what comes in it.
    let end = period.end.map(|end| end.saturating_add(1));
    let samples = sandbox
        .history
        .between(&sandbox, time(period.start), time(end));
    let samples: Vec<_> = samples
        .iter()
        .map(|sample| sample.of_api(&sandbox))
        .collect();
    Ok(Json(samples).into_response())
}

async fn not_here(
    State(service): State<Arc<Service>>,
    Path(parameters): Path<BTreeMap<String, String>>,
    request: Request,
) -> Result<Response, ApiError> {
    if let Some(id) = parameters.get("id") {
        find(&service, id)?;
    }
    Err(match parameters.get("operation").map(String::as_str) {
        Some(operation @ ("snapshots" | "fork" | "logs")) => elsewhere::not_here(operation),
        _ => ApiError::UnknownRoute(request.uri().path().to_owned()),
    })
}

async fn unknown_route(request: Request) -> ApiError {
    ApiError::UnknownRoute(request.uri().path().to_owned())
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::WrongMethod(request.uri().path().to_owned())
}

/// Files are envd's, but an address may not say whose.
async fn no_sandbox() -> ApiError {
    ApiError::NoSandbox
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    Json(json!({ "status": "ok", "sandboxes": service.list().len() })).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let all = service.list();
    let paused = all.iter().filter(|sandbox| sandbox.life().paused).count();
    let text = service.meters.text(all.len() - paused, paused);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn check_key(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let keys = &service.config.api_keys;
    let presented = request
        .headers()
        .get("x-api-key")
        .and_then(|key| key.to_str().ok());
    if keys.is_empty()
        || presented.is_some_and(|presented| keys.iter().any(|key| key.matches(presented)))
    {
        return next.run(request).await;
    }
    ApiError::Unauthorized.into_response()
}

fn find(service: &Service, id: &str) -> Result<Arc<Sandbox>, ApiError> {
    service
        .get(id)
        .ok_or_else(|| ApiError::NotFound(id.to_owned()))
}

fn seconds(seconds: u64) -> Result<Duration, ApiError> {
    if seconds > LONGEST_TIMEOUT_SECONDS {
        return Err(ApiError::Invalid(format!(
            "timeout is {seconds} s, more than the {LONGEST_TIMEOUT_SECONDS} s that are possible"
        )));
    }
    Ok(Duration::from_secs(seconds))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        ApiError::Invalid(format!("the body is not the JSON this call takes: {error}"))
    })
}

/// Some clients send no body where all fields are optional.
fn parse_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        parse(body)
    }
}
