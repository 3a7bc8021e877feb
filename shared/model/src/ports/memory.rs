//! The store of tests: a map in memory, with a switch for each way real stores disappoint.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::{KeyValue, StoreError, Swap};

/// A key-value store in memory.
#[derive(Debug, Default)]
pub struct MemoryKeyValue {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    /// How many values were asked for.
    pub reads: Cell<u32>,
    /// How many were to be set, with or without a look at what was there.
    pub writes: Cell<u32>,
    /// Answer this many swaps with `Lost`, although they were written (as Spin's Redis store does).
    pub false_losses: Cell<u32>,
    /// A write by somebody else just before each of the next swaps.
    pub interferences: RefCell<Vec<(String, Vec<u8>)>>,
}

impl MemoryKeyValue {
    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.values.borrow().keys().cloned().collect()
    }

    fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.values.borrow().get(key).cloned()
    }

    fn put(&self, key: &str, value: &[u8]) {
        let mut values = self.values.borrow_mut();
        values.insert(key.to_owned(), value.to_vec());
    }
}

impl KeyValue for MemoryKeyValue {
    type Ticket = (String, Option<Vec<u8>>);

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.value(key))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.writes.set(self.writes.get() + 1);
        self.put(key, value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn current(&self, key: &str) -> Result<(Self::Ticket, Option<Vec<u8>>), StoreError> {
        let value = self.get(key).await?;
        Ok(((key.to_owned(), value.clone()), value))
    }

    async fn swap(&self, ticket: Self::Ticket, value: &[u8]) -> Result<Swap, StoreError> {
        if let Some((key, value)) = self.interferences.borrow_mut().pop() {
            self.put(&key, &value);
        }
        self.writes.set(self.writes.get() + 1);
        let (key, seen) = ticket;
        if self.value(&key) != seen {
            return Ok(Swap::Lost);
        }
        self.put(&key, value);
        if self.false_losses.get() > 0 {
            self.false_losses.set(self.false_losses.get() - 1);
            return Ok(Swap::Lost);
        }
        Ok(Swap::Done)
    }
}
