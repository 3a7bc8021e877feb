//! Requests that are answered before they have been read.
//!
//! Such an answer is lost to a client that still sends: its connection is closed on data that nobody
//! reads, and it sees that instead of the refusal. So the rest is read, and thrown away.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much is read for nothing, and how long: whoever sends more has a connection to lose.
const BYTES: usize = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

/// A request whose body, dropped before its end, is read to its end.
pub(crate) fn read_anyway(request: Request) -> Request {
    request.map(|body| {
        Body::from_stream(ReadAnyway {
            rest: body.into_data_stream(),
            over: false,
        })
    })
}

struct ReadAnyway {
    rest: BodyDataStream,
    over: bool,
}

impl Stream for ReadAnyway {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.rest.poll_next_unpin(context);
        self.over = matches!(next, Poll::Ready(None | Some(Err(_))));
        next
    }
}

impl Drop for ReadAnyway {
    fn drop(&mut self) {
        let rest = mem::replace(&mut self.rest, Body::empty().into_data_stream());
        if !self.over
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(PATIENCE, throw_away(rest)));
        }
    }
}

async fn throw_away(mut rest: BodyDataStream) {
    let mut bytes = 0;
    while let Some(Ok(chunk)) = rest.next().await {
        bytes += chunk.len();
        if bytes > BYTES {
            break;
        }
    }
}
