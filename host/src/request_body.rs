//! Bodies that come from the client.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// How much of what a component left unread is read in its place; then the connection is closed.
const REST_LIMIT: usize = 64 * 1024 * 1024;
/// How long that may take.
const REST_PATIENCE: Duration = Duration::from_secs(30);

/// A request's body, whose rest is read and forgotten when the component stops reading.
///
/// A component may answer, with 413 for one, before it has read everything. A connection that is closed
/// with bytes unread is reset, and a client that is still sending would see that instead of the answer.
pub(crate) struct RequestBody(Option<Incoming>);

impl RequestBody {
    pub(crate) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            return;
        }
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(rest), Ok(runtime)) = (self.0.take(), runtime) {
            runtime.spawn(tokio::time::timeout(REST_PATIENCE, read_away(rest)));
        }
    }
}

async fn read_away(mut rest: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = rest.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > REST_LIMIT {
            return;
        }
    }
}
