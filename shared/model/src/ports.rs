//! The conversations with the outside, as traits, each with its contract; and fakes for tests.
//!
//! Components are single-threaded, so the futures need not be `Send`, and callers use
//! `&impl KeyValue` rather than trait objects.
#![expect(
    async_fn_in_trait,
    reason = "components are single-threaded: no Send bound is wanted"
)]

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::Timestamp;

#[cfg(any(test, feature = "fakes"))]
mod memory;
#[cfg(any(test, feature = "fakes"))]
mod scripted;

#[cfg(any(test, feature = "fakes"))]
pub use memory::MemoryKeyValue;
#[cfg(any(test, feature = "fakes"))]
pub use scripted::{Fakes, ManualTimer, ScriptedBody, ScriptedHttp};

/// The key-value store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key-value store failed on `{key}`: {reason}")]
pub struct StoreError {
    /// The key that was asked for.
    pub key: String,
    /// What the store said.
    pub reason: String,
}

/// What became of a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The store says that the new value stands.
    Done,
    /// The store says that somebody else wrote first. Some stores say so although the value was
    /// written, so the caller must read again and look for its own write token.
    Lost,
}

/// The store of sessions, revisions and datasets.
///
/// Keys have at most 255 bytes and values at most 1 MB (the least that Spin hosts offer). A value
/// that was set is read back by the same component at once.
pub trait KeyValue {
    /// Remembers what `current` saw, until `swap`.
    type Ticket;

    /// The value of `key`, or `None`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets `key`, whatever it was.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;

    /// Removes `key`; an absent key is fine.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// The value of `key` and a ticket for [`swap`](Self::swap).
    async fn current(&self, key: &str) -> Result<(Self::Ticket, Option<Vec<u8>>), StoreError>;

    /// Sets the ticket's key if its value is still what `current` saw.
    ///
    /// Exclusive only for keys that exist: of two first writers of an absent key both may succeed.
    async fn swap(&self, ticket: Self::Ticket, value: &[u8]) -> Result<Swap, StoreError>;
}

/// A request that got no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody answers there.
    #[error("no connection to {url}: {reason}")]
    Unreachable {
        /// Where the request went.
        url: String,
        /// What the host said.
        reason: String,
    },
    /// The host's list of allowed addresses does not name it.
    #[error("{url} is not among the allowed outbound hosts")]
    NotAllowed {
        /// Where the request should have gone.
        url: String,
    },
    /// The connection was there and then failed.
    #[error("the request to {url} broke off: {reason}")]
    Broken {
        /// Where the request went.
        url: String,
        /// What the host said.
        reason: String,
    },
}

/// A response body that ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the response broke off: {0}")]
pub struct BrokenBody(pub String);

/// A response body, chunk by chunk as it arrives. Dropping it closes the connection.
pub trait Body {
    /// The next chunk, or `None` at the end.
    async fn chunk(&mut self) -> Option<Result<Vec<u8>, BrokenBody>>;
}

/// Outgoing HTTP: sends bytes, gives bytes. Everything above it is ours and tested.
pub trait Http {
    /// A streamed response body.
    type Body: Body;

    /// Sends the request; returns when the response's head is there, whatever its status.
    ///
    /// Of the response's headers only those that some caller reads need be there.
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Self::Body>, SendError>;
}

/// The clock.
pub trait Timer {
    /// The moment.
    fn now(&self) -> Timestamp;

    /// Time on a clock that never goes back, from some fixed moment.
    fn elapsed(&self) -> Duration;

    /// Completes after `duration`.
    async fn sleep(&self, duration: Duration);

    /// What `work` gives, or `None` if `limit` passes first; the work is then dropped.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (work, alarm) = (pin!(work), pin!(self.sleep(limit)));
        match select(work, alarm).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}

/// Randomness that nobody can guess.
pub trait Random {
    /// Sixteen random bytes, enough for an id or a token.
    fn bytes(&self) -> [u8; 16];
}

/// All ports together, as a function gets them.
pub trait Outside {
    /// The store.
    type Store: KeyValue;
    /// The network.
    type Network: Http;
    /// The clock.
    type Clock: Timer;
    /// The source of ids and tokens.
    type Entropy: Random;

    /// The store of sessions, revisions and datasets.
    fn store(&self) -> &Self::Store;
    /// Outgoing HTTP.
    fn http(&self) -> &Self::Network;
    /// The clock.
    fn timer(&self) -> &Self::Clock;
    /// The source of ids and tokens.
    fn random(&self) -> &Self::Entropy;
}

/// Reads a body to its end, refusing one of more than `limit` bytes.
pub async fn read_all(body: &mut impl Body, limit: usize) -> Result<Vec<u8>, BrokenBody> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() > limit {
            return Err(BrokenBody(format!("it has more than {limit} bytes")));
        }
    }
    Ok(bytes)
}
