//! Bodies that go to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// The host's own error answer: `{"error": {"code", "message", "request_id"}}`.
pub(crate) fn error(
    status: StatusCode,
    code: &str,
    message: &str,
    request_id: &str,
) -> Response<WasiBody> {
    let error = serde_json::json!({
        "error": { "code": code, "message": message, "request_id": request_id }
    });
    let mut response = text(status, error.to_string());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// A short answer of the host's own.
pub(crate) fn text(status: StatusCode, text: String) -> Response<WasiBody> {
    let body = Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// A component's body: cut off, instead of ended, when the component failed while writing it.
///
/// To wasi:http a dropped body looks like a finished one, and the client could not tell half an
/// answer from a whole one.
pub(crate) struct GuestBody {
    body: WasiBody,
    failed: Arc<AtomicBool>,
}

impl GuestBody {
    pub(crate) fn new(body: WasiBody, failed: Arc<AtomicBool>) -> Self {
        Self { body, failed }
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None) if self.failed.load(Ordering::Acquire) => {
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the request log says of one request, once it is over.
pub(crate) struct LogLine {
    pub(crate) method: http::Method,
    /// Without the query, which may hold what is nobody's business.
    pub(crate) path: String,
    pub(crate) component: Arc<str>,
    pub(crate) request_id: String,
    pub(crate) begin: Instant,
}

/// A body that writes the request's log line when it has been sent, or given up.
pub(crate) struct LoggedBody {
    body: WasiBody,
    status: StatusCode,
    line: LogLine,
}

impl LoggedBody {
    pub(crate) fn wrap(response: Response<WasiBody>, line: LogLine) -> Response<Self> {
        let status = response.status();
        response.map(|body| Self { body, status, line })
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        let LogLine {
            method,
            path,
            component,
            request_id,
            begin,
        } = &self.line;
        let duration_ms = begin.elapsed().as_micros() as f64 / 1000.0;
        tracing::info!(
            target: "request",
            status = self.status.as_u16(),
            component.id = %component,
            duration_ms,
            request.id = %request_id,
            "{method} {path}"
        );
    }
}

impl Body for LoggedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
