//! A stream that knows when it was last used.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A stream whose every byte is noticed by its [`Activity`].
pub struct Watched<S> {
    stream: S,
    activity: Activity,
}

/// When a stream was last used.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<Instant>>);

impl<S> Watched<S> {
    /// A stream used just now.
    pub fn new(stream: S) -> (Self, Activity) {
        let activity = Activity(Arc::new(Mutex::new(Instant::now())));
        let watched = Self {
            stream,
            activity: activity.clone(),
        };
        (watched, activity)
    }
}

impl Activity {
    /// Resolves when nothing was read or written for so long.
    pub async fn ceased(&self, patience: Duration) {
        loop {
            let until = self.last() + patience;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.activity.note();
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.activity.note();
        Poll::Ready(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn every_byte_is_noticed_and_only_silence_ends_it() {
        let (near, mut far) = tokio::io::duplex(1024);
        let (mut near, activity) = Watched::new(near);
        let start = activity.last();
        near.write_all(b"x").await.expect("an open stream");
        let written = activity.last();
        assert!(written > start);
        far.write_all(b"y").await.expect("an open stream");
        near.read_u8().await.expect("an open stream");
        assert!(activity.last() > written);
        activity.ceased(Duration::from_millis(1)).await;
    }
}
