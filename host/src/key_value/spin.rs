//! `fermyon:spin/key-value@2.0.0`

use wasmtime::component::Resource;

use super::{OpenStore, StoreError};
use crate::bindings::spin::key_value::{Error, Host, HostStore};
use crate::guest::Guest;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Other(error.0)
    }
}

impl Host for Guest {}

impl HostStore for Guest {
    async fn open(
        &mut self,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, Error>> {
        if !self.may_open(&label) {
            return Ok(Err(Error::AccessDenied));
        }
        Ok(Ok(Guest::open(self, label)?))
    }

    async fn get(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let label = self.label(&store)?;
        let value = self.read(|database| database.get(&label, &key));
        Ok(value.map_err(Into::into))
    }

    async fn set(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let label = self.label(&store)?;
        Ok(self
            .write(move |database| database.set(&label, &key, &value))
            .await
            .map_err(Into::into))
    }

    async fn delete(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let label = self.label(&store)?;
        Ok(self
            .write(move |database| database.delete_many(&label, &[key]))
            .await
            .map_err(Into::into))
    }

    async fn exists(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let label = self.label(&store)?;
        let version = self.read(|database| database.version(&label, &key));
        Ok(version.map(|version| version.is_some()).map_err(Into::into))
    }

    async fn get_keys(
        &mut self,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let label = self.label(&store)?;
        let keys = self.read(|database| database.keys(&label));
        Ok(keys.map_err(Into::into))
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}
