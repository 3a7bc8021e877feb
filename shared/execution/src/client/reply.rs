//! What the service's answers mean: done, refused, or gone.

use http::{Response, StatusCode};
use model::json;
use model::ports::{Body, read_all};
use model::session::SandboxRef;
use serde::de::DeserializeOwned;

use super::SandboxError;

/// More than any reply that is read whole.
const REPLY_LIMIT: usize = 4 * 1024 * 1024;

/// Turns a refusal into an error; hands an accepted response on.
pub(super) async fn accepted<B: Body>(
    what: &'static str,
    sandbox: &SandboxRef,
    response: Response<B>,
) -> Result<Response<B>, SandboxError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let error = refusal(what, response).await;
    let is_gone = match &error {
        // E2B's proxy: "The sandbox was not found"; a closed port says something else.
        SandboxError::Refused { message, .. } => {
            status == StatusCode::BAD_GATEWAY && message.contains("was not found")
        }
        _ => false,
    };
    Err(if is_gone {
        SandboxError::Gone(sandbox.id.clone())
    } else {
        error
    })
}

pub(super) async fn done<B: Body>(
    what: &'static str,
    response: Response<B>,
) -> Result<(), SandboxError> {
    if !response.status().is_success() {
        return Err(refusal(what, response).await);
    }
    // Reading the body to its end lets the host use the connection again.
    let read = read_all(&mut response.into_body(), REPLY_LIMIT).await;
    read.map(drop).map_err(|error| SandboxError::Broken {
        what,
        reason: error.to_string(),
    })
}

pub(super) async fn reply<T: DeserializeOwned, B: Body>(
    what: &'static str,
    response: Response<B>,
) -> Result<T, SandboxError> {
    if !response.status().is_success() {
        return Err(refusal(what, response).await);
    }
    let broken = |reason| SandboxError::Broken { what, reason };
    let bytes = read_all(&mut response.into_body(), REPLY_LIMIT).await;
    let bytes = bytes.map_err(|error| broken(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))
}

pub(super) async fn refusal<B: Body>(what: &'static str, response: Response<B>) -> SandboxError {
    let status = response.status();
    if matches!(status, StatusCode::UNAUTHORIZED) {
        return SandboxError::KeyRefused;
    }
    let bytes = read_all(&mut response.into_body(), REPLY_LIMIT)
        .await
        .unwrap_or_default();
    let said = json::read(&bytes).unwrap_or_default();
    let message = said["message"]
        .as_str()
        .map_or_else(|| excerpt(&bytes), str::to_owned);
    SandboxError::Refused {
        what,
        status: status.as_u16(),
        message,
    }
}

pub(super) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(200).collect()
}
