//! `wasi:keyvalue@0.2.0-draft2`: store, atomics, batch

use std::sync::Arc;

use wasmtime::component::Resource;

use super::sqlite::Swap;
use super::{CompareAndSwap, OpenStore, StoreError};
use crate::bindings::keyvalue::atomics::{self, CasError};
use crate::bindings::keyvalue::batch;
use crate::bindings::keyvalue::store::{self, Error, KeyResponse};
use crate::guest::Guest;

type Outcome<T> = wasmtime::Result<Result<T, Error>>;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Other(error.0)
    }
}

impl store::Host for Guest {
    async fn open(&mut self, identifier: String) -> Outcome<Resource<OpenStore>> {
        if !self.may_open(&identifier) {
            return Ok(Err(Error::AccessDenied));
        }
        Ok(Ok(Guest::open(self, identifier)?))
    }
}

impl store::HostBucket for Guest {
    async fn get(&mut self, bucket: Resource<OpenStore>, key: String) -> Outcome<Option<Vec<u8>>> {
        let label = self.label(&bucket)?;
        let value = self.read(|database| database.get(&label, &key));
        Ok(value.map_err(Into::into))
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Outcome<()> {
        let label = self.label(&bucket)?;
        Ok(self
            .write(move |database| database.set(&label, &key, &value))
            .await
            .map_err(Into::into))
    }

    async fn delete(&mut self, bucket: Resource<OpenStore>, key: String) -> Outcome<()> {
        batch::Host::delete_many(self, bucket, vec![key]).await
    }

    async fn exists(&mut self, bucket: Resource<OpenStore>, key: String) -> Outcome<bool> {
        let label = self.label(&bucket)?;
        let version = self.read(|database| database.version(&label, &key));
        Ok(version.map(|version| version.is_some()).map_err(Into::into))
    }

    /// All keys in one page, so there is never a cursor to go on from.
    async fn list_keys(
        &mut self,
        bucket: Resource<OpenStore>,
        cursor: Option<String>,
    ) -> Outcome<KeyResponse> {
        if cursor.is_some() {
            return Ok(Err(Error::Other(
                "list-keys answers in one page and knows no cursor".into(),
            )));
        }
        let label = self.label(&bucket)?;
        let keys = self.read(|database| database.keys(&label));
        Ok(keys
            .map(|keys| KeyResponse { keys, cursor: None })
            .map_err(Into::into))
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Guest {
    async fn increment(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> Outcome<i64> {
        let label = self.label(&bucket)?;
        Ok(self
            .write(move |database| database.increment(&label, &key, delta))
            .await
            .map_err(Into::into))
    }

    async fn swap(
        &mut self,
        cas: Resource<CompareAndSwap>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let CompareAndSwap {
            label,
            key,
            version,
        } = self.table.delete(cas)?;
        let (swap_label, swap_key) = (Arc::clone(&label), key.clone());
        let swap = self
            .write(move |database| database.swap(&swap_label, &swap_key, version, &value))
            .await;
        Ok(match swap {
            Ok(Swap::Written) => Ok(()),
            Ok(Swap::Stale(version)) => {
                Err(CasError::CasFailed(self.table.push(CompareAndSwap {
                    label,
                    key,
                    version,
                })?))
            }
            Err(error) => Err(CasError::StoreError(error.into())),
        })
    }
}

impl atomics::HostCas for Guest {
    /// Notes the entry's version, so that a swap without a call of `current` is right, too.
    async fn new(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> Outcome<Resource<CompareAndSwap>> {
        let label = self.label(&bucket)?;
        match self.read(|database| database.version(&label, &key)) {
            Ok(version) => Ok(Ok(self.table.push(CompareAndSwap {
                label,
                key,
                version,
            })?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    /// Reads the entry, and binds the later swap to what was read.
    async fn current(&mut self, cas: Resource<CompareAndSwap>) -> Outcome<Option<Vec<u8>>> {
        let CompareAndSwap { label, key, .. } = self.table.get(&cas)?;
        match self.read(|database| database.get_versioned(label, key)) {
            Ok((value, version)) => {
                self.table.get_mut(&cas)?.version = version;
                Ok(Ok(value))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn drop(&mut self, cas: Resource<CompareAndSwap>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl batch::Host for Guest {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
        let label = self.label(&bucket)?;
        let entries = self.read(|database| {
            let read = |key: String| database.get(&label, &key).map(|value| (key, value));
            keys.into_iter().map(read).collect()
        });
        Ok(entries.map_err(Into::into))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Outcome<()> {
        let label = self.label(&bucket)?;
        Ok(self
            .write(move |database| database.set_many(&label, &entries))
            .await
            .map_err(Into::into))
    }

    async fn delete_many(&mut self, bucket: Resource<OpenStore>, keys: Vec<String>) -> Outcome<()> {
        let label = self.label(&bucket)?;
        Ok(self
            .write(move |database| database.delete_many(&label, &keys))
            .await
            .map_err(Into::into))
    }
}
