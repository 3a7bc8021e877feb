//! The key-value store by `wasi:keyvalue`, which every Spin host since 3.0 has.

use std::cell::OnceCell;

use model::ports::{KeyValue, StoreError, Swap};
use spin_sdk::wit::wasi::keyvalue::atomics::{self, Cas, CasError};
use spin_sdk::wit::wasi::keyvalue::store::{self, Bucket};

/// The component's `default` store, opened when it is first used: not every request needs it, and
/// not every component may have it.
#[derive(Debug, Default)]
pub struct SpinKeyValue {
    bucket: OnceCell<Result<Bucket, String>>,
}

/// A compare-and-swap that was begun.
#[derive(Debug)]
pub struct Ticket {
    key: String,
    cas: Cas,
}

impl SpinKeyValue {
    fn bucket(&self, key: &str) -> Result<&Bucket, StoreError> {
        let bucket = self
            .bucket
            .get_or_init(|| store::open("default").map_err(|error| format!("{error:?}")));
        bucket.as_ref().map_err(|reason| failed(key, reason))
    }
}

fn failed(key: &str, reason: impl std::fmt::Display) -> StoreError {
    StoreError {
        key: key.to_owned(),
        reason: reason.to_string(),
    }
}

fn store_failed(key: &str) -> impl Fn(store::Error) -> StoreError {
    move |error| match error {
        store::Error::Other(reason) => failed(key, reason),
        other => failed(key, format!("{other:?}")),
    }
}

impl KeyValue for SpinKeyValue {
    type Ticket = Ticket;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.bucket(key)?.get(key).map_err(store_failed(key))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.bucket(key)?.set(key, value).map_err(store_failed(key))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.bucket(key)?.delete(key).map_err(store_failed(key))
    }

    async fn current(&self, key: &str) -> Result<(Ticket, Option<Vec<u8>>), StoreError> {
        let cas = Cas::new(self.bucket(key)?, key).map_err(store_failed(key))?;
        let value = cas.current().map_err(store_failed(key))?;
        Ok((
            Ticket {
                key: key.to_owned(),
                cas,
            },
            value,
        ))
    }

    async fn swap(&self, ticket: Ticket, value: &[u8]) -> Result<Swap, StoreError> {
        match atomics::swap(ticket.cas, value) {
            Ok(()) => Ok(Swap::Done),
            Err(CasError::CasFailed(_)) => Ok(Swap::Lost),
            Err(CasError::StoreError(error)) => Err(store_failed(&ticket.key)(error)),
        }
    }
}
