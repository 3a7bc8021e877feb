//! The key-value store, as Spin's interface and as wasi:keyvalue, over one SQLite file.

mod spin;
mod sqlite;
mod wasi;

use std::sync::Arc;

use wasmtime::component::Resource;

pub(crate) use sqlite::{Database, StoreError};

use crate::guest::Guest;

/// A store that a component has opened: both interfaces hand out the same.
#[derive(Debug)]
pub struct OpenStore {
    label: Arc<str>,
}

/// A read that a later write can be bound to.
#[derive(Debug)]
pub struct CompareAndSwap {
    label: Arc<str>,
    key: String,
    /// The version that was read; `None` is "no such key".
    version: Option<i64>,
}

impl Guest {
    /// Whether the manifest grants this component the store.
    fn may_open(&self, label: &str) -> bool {
        self.component.stores.iter().any(|granted| granted == label)
    }

    fn open(&mut self, label: String) -> wasmtime::Result<Resource<OpenStore>> {
        Ok(self.table.push(OpenStore {
            label: label.into(),
        })?)
    }

    fn label(&self, store: &Resource<OpenStore>) -> wasmtime::Result<Arc<str>> {
        Ok(Arc::clone(&self.table.get(store)?.label))
    }

    /// Reads, here and now: it takes microseconds, and the way to the blocking pool and back would take
    /// several times as long. A reader waits neither for the writer nor for a checkpoint.
    fn read<T>(
        &self,
        call: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        reported(&self.component.id, call(&self.services.database))
    }

    /// Writes, on the blocking pool: a slow disk must not stop other requests.
    fn write<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let database = Arc::clone(&self.services.database);
        let component = Arc::clone(&self.component.id);
        async move {
            let result = tokio::task::spawn_blocking(move || call(&database)).await;
            let result = result.unwrap_or_else(|error| {
                Err(StoreError(format!(
                    "the key-value store's call ended early: {error}"
                )))
            });
            reported(&component, result)
        }
    }
}

fn reported<T>(component: &str, result: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(error) = &result {
        tracing::error!(component.id = %component, "{error}");
    }
    result
}
