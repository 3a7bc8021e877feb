//! Refusals that reach the client.
//!
//! An answer that comes before the client has sent its request is lost to it: the connection is closed
//! on data that nobody read, and the client sees that instead.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use tokio::time::timeout;

/// How much of a request is read only to be refused, and how long that may take: calls are small, and
/// whoever sends more has a connection to lose.
const BYTES: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers a request with `refusal` once it has been sent.
pub(crate) async fn refuse(request: Request, refusal: Response) -> Response {
    // Whatever came of it, the answer is the same.
    let _ = timeout(PATIENCE, to_bytes(request.into_body(), BYTES)).await;
    refusal
}
