//! The one error → HTTP table of the control API.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::egress::EgressError;
use crate::lifecycle::ResumeError;
use crate::service::CreateError;

/// Why a call of the control API failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A wrong body or parameter.
    #[error("{0}")]
    Invalid(String),
    /// A missing or wrong key.
    #[error(
        "the header X-API-KEY must hold one of the keys the service was started with (--api-key)"
    )]
    Unauthorized,
    /// Something that the operator does not allow.
    #[error("{0}")]
    Forbidden(String),
    /// No such sandbox.
    #[error("sandbox '{0}' was not found; it may have ended, make a new one")]
    NotFound(String),
    /// Paused twice.
    #[error("sandbox '{0}' is already paused")]
    Paused(String),
    /// Resumed without need.
    #[error("sandbox '{0}' is not paused; use it, or connect to it")]
    Running(String),
    /// A running one is wanted.
    #[error("sandbox '{0}' was not found among those that run: it is paused, connect to it first")]
    NotRunning(String),
    /// It does not do what it is told.
    #[error("sandbox '{id}' cannot be paused or resumed: {source}")]
    Stuck {
        /// The sandbox.
        id: String,
        /// Why.
        source: ResumeError,
    },
    /// No such route.
    #[error("there is no '{0}' in the control API")]
    UnknownRoute(String),
    /// Not this way.
    #[error("'{0}' does not take this method")]
    WrongMethod(String),
    /// A key that stands for something else.
    #[error(
        "the Idempotency-Key was used for another request, whose sandbox still lives; use a new key"
    )]
    OtherRequest,
    /// A file's address without a sandbox.
    #[error(
        "the address of a file names no sandbox, and is not signed for one: send the header E2b-Sandbox-Id, or make the sandbox with secure=true, so that its addresses are signed"
    )]
    NoSandbox,
    /// E2B has it, this service has not.
    #[error("'{what}' is not supported by the local sandbox service: {instead}")]
    NotHere {
        /// As the client named it.
        what: String,
        /// What to do.
        instead: &'static str,
    },
    /// The sandbox could not be made.
    #[error("the sandbox could not be made: {0}")]
    Create(#[from] CreateError),
    /// The way out of a running sandbox could not be changed.
    #[error("the network could not be changed: {0}")]
    Egress(#[from] EgressError),
    /// No random numbers, of all things.
    #[error("the sandbox could not be made: {0}")]
    Io(#[from] std::io::Error),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::NoSandbox => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) | Self::NotRunning(_) | Self::UnknownRoute(_) => {
                StatusCode::NOT_FOUND
            }
            Self::Paused(_) | Self::Running(_) => StatusCode::CONFLICT,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::OtherRequest => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotHere { .. } => StatusCode::NOT_IMPLEMENTED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            // What stands in the way is inside.
            Self::Egress(_) => StatusCode::CONFLICT,
            Self::Create(_) | Self::Io(_) | Self::Stuck { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "{self}");
        }
        (
            status,
            Json(json!({ "code": status.as_u16(), "message": self.to_string() })),
        )
            .into_response()
    }
}
