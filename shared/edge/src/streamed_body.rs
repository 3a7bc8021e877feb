//! A body that is written bit by bit, and that knows whether anybody still reads it.

use std::future::poll_fn;
use std::task::Poll;

use model::event::ClientGone;
use spin_sdk::http::{OutgoingBody, OutgoingResponse};
use wasi::io::streams::OutputStream;

/// The body of an answer whose head is on its way. Dropping it ends the answer.
///
/// The SDK's own sink does not do: it takes an empty chunk without a look at who has gone, and
/// panics where it is used after a failure.
pub(crate) struct StreamedBody {
    /// Both are there until the end: the stream must be dropped before its body is finished.
    parts: Option<(OutputStream, OutgoingBody)>,
}

impl StreamedBody {
    /// The body of an answer; it is taken once.
    pub(crate) fn of(response: &OutgoingResponse) -> Self {
        let body = response.body().expect("the body is taken once");
        let stream = body.write().expect("a body has one stream");
        Self {
            parts: Some((stream, body)),
        }
    }

    /// Writes all of it, as fast as the client reads. Without a byte it finds out who has gone.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ClientGone> {
        let written = poll_fn(|context| {
            let Some((stream, _)) = &self.parts else {
                return Poll::Ready(Err(ClientGone));
            };
            loop {
                let room = match stream.check_write() {
                    Err(_) => return Poll::Ready(Err(ClientGone)),
                    Ok(_) if bytes.is_empty() => {
                        let flushed = stream.flush().map_err(|_| ClientGone);
                        return Poll::Ready(flushed);
                    }
                    Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                };
                if room == 0 {
                    spin_executor::push_waker(stream.subscribe(), context.waker().clone());
                    return Poll::Pending;
                }
                let (now, later) = bytes.split_at(room.min(bytes.len()));
                if stream.write(now).is_err() {
                    return Poll::Ready(Err(ClientGone));
                }
                bytes = later;
            }
        })
        .await;
        if written.is_err() {
            self.end();
        }
        written
    }

    fn end(&mut self) {
        if let Some((stream, body)) = self.parts.take() {
            drop(stream);
            let _ = OutgoingBody::finish(body, None);
        }
    }
}

impl Drop for StreamedBody {
    fn drop(&mut self) {
        self.end();
    }
}
