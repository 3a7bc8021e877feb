//! Pausing sandboxes, and bringing them back.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::StatusCode;
use serde::Deserialize;

use super::error::ApiError;
use super::view::Created;
use super::{find, parse_or_default, seconds};
use crate::lifecycle::{OnTimeout, PauseError, ResumeError, after};
use crate::link::LinkError;
use crate::service::Service;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    timeout: Option<u64>,
    memory: Option<bool>,
    auto_pause: Option<bool>,
}

/// Stops a sandbox where it is. It keeps its memory also when asked for its files only.
pub async fn pause(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let sandbox = find(&service, &id)?;
    match sandbox.pause(service.config.keep_paused).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(PauseError::Already | PauseError::NotDue) => Err(ApiError::Paused(id)),
        Err(PauseError::Link(error)) => Err(stuck(id, error.into())),
    }
}

fn stuck(id: String, source: ResumeError) -> ApiError {
    match source {
        ResumeError::Link(LinkError::Gone) => ApiError::NotFound(id),
        source => ApiError::Stuck { id, source },
    }
}

/// Brings a paused sandbox back, or finds it running.
pub async fn connect(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let wanted: Wanted = parse_or_default(&body)?;
    let sandbox = find(&service, &id)?;
    if wanted.memory == Some(false) {
        return Err(ApiError::Invalid(
            "the local sandbox service cannot reboot a sandbox (memory: false); connect without it, or make a new one"
                .to_owned(),
        ));
    }
    let timeout = wanted.timeout.map(seconds).transpose()?;
    let status = match sandbox
        .resume(timeout)
        .await
        .map_err(|error| stuck(id, error))?
    {
        true => StatusCode::CREATED,
        false => {
            if let Some(timeout) = timeout {
                sandbox.run_at_least_until(after(Utc::now(), timeout));
            }
            StatusCode::OK
        }
    };
    Ok((status, Json(Created::of(&sandbox, &service))).into_response())
}

/// What older clients call: a running sandbox is a mistake.
pub async fn resume(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let wanted: Wanted = parse_or_default(&body)?;
    let sandbox = find(&service, &id)?;
    let timeout = wanted.timeout.map(seconds).transpose()?;
    let resumed = sandbox.resume(timeout).await;
    if !resumed.map_err(|error| stuck(id.clone(), error))? {
        return Err(ApiError::Running(id));
    }
    if let Some(auto_pause) = wanted.auto_pause {
        sandbox.set_on_timeout(match auto_pause {
            true => OnTimeout::Pause,
            false => OnTimeout::Kill,
        });
    }
    Ok((StatusCode::CREATED, Json(Created::of(&sandbox, &service))).into_response())
}
