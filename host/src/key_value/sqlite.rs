//! One SQLite file in WAL mode: a few readers beside one writer.
//!
//! Every write gives its entry a new, never re-used version (the row's AUTOINCREMENT id). A
//! compare-and-swap compares versions inside a write transaction, so it is right for keys that do
//! not exist yet and for keys that were deleted and made again, and no value is compared.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(pub(crate) String);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("the key-value store failed: {error}"))
    }
}

/// How a swap ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    Written,
    /// Somebody else wrote first; the version is now this one.
    Stale(Option<i64>),
}

/// An entry's value, and the version to name when swapping it.
pub(crate) type Versioned = (Option<Vec<u8>>, Option<i64>);

/// The disk is waited for when the log, of so many pages of 4 KiB, goes into the file: seldom enough that
/// an upload of 50 MB, packed, goes through without.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 8000;
    CREATE TABLE IF NOT EXISTS entry (
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        store TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        UNIQUE (store, key)
    );";

/// Connections to read from; each takes three file descriptors, and a read takes microseconds.
const READERS: usize = 4;

/// The open file.
#[derive(Debug)]
pub(crate) struct Database {
    writer: Mutex<Connection>,
    readers: [Mutex<Connection>; READERS],
    /// Chooses the readers in turn.
    turn: AtomicUsize,
}

impl Database {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = connect(path)?;
        writer.execute_batch(SCHEMA)?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(Mutex::new(connect(path)?));
        }
        let readers = readers
            .try_into()
            .expect("as many readers were made as there are places");
        Ok(Self {
            writer: Mutex::new(writer),
            readers,
            turn: AtomicUsize::new(0),
        })
    }

    pub(crate) fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.get_versioned(store, key)?.0)
    }

    pub(crate) fn get_versioned(&self, store: &str, key: &str) -> Result<Versioned, StoreError> {
        self.read(|connection| {
            let row = connection
                .prepare_cached("SELECT value, version FROM entry WHERE store = ? AND key = ?")?
                .query_row([store, key], |row| {
                    Ok((Some(row.get(0)?), Some(row.get(1)?)))
                })
                .optional()?;
            Ok(row.unwrap_or((None, None)))
        })
    }

    pub(crate) fn version(&self, store: &str, key: &str) -> Result<Option<i64>, StoreError> {
        self.read(|connection| version(connection, store, key))
    }

    pub(crate) fn keys(&self, store: &str) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT key FROM entry WHERE store = ? ORDER BY key")?;
            let keys = statement.query_map([store], |row| row.get(0))?;
            keys.collect()
        })
    }

    pub(crate) fn set(&self, store: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        Ok(write(&self.writer(), store, key, value)?)
    }

    pub(crate) fn set_many(
        &self,
        store: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<(), StoreError> {
        self.transaction(|transaction| {
            entries
                .iter()
                .try_for_each(|(key, value)| write(transaction, store, key, value))
        })
    }

    pub(crate) fn delete_many(&self, store: &str, keys: &[String]) -> Result<(), StoreError> {
        self.transaction(|transaction| {
            let mut statement =
                transaction.prepare_cached("DELETE FROM entry WHERE store = ? AND key = ?")?;
            keys.iter()
                .try_for_each(|key| statement.execute([store, key]).map(drop))
        })
    }

    /// Writes `value` if the entry still has the version that was `seen`.
    pub(crate) fn swap(
        &self,
        store: &str,
        key: &str,
        seen: Option<i64>,
        value: &[u8],
    ) -> Result<Swap, StoreError> {
        self.transaction(|transaction| {
            let now = version(transaction, store, key)?;
            if now != seen {
                return Ok(Swap::Stale(now));
            }
            write(transaction, store, key, value)?;
            Ok(Swap::Written)
        })
    }

    /// Adds to a counter of eight little-endian bytes, as Spin stores it; an absent one is 0.
    pub(crate) fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, StoreError> {
        let counter = self.transaction(|transaction| {
            let value: Option<Vec<u8>> = transaction
                .prepare_cached("SELECT value FROM entry WHERE store = ? AND key = ?")?
                .query_row([store, key], |row| row.get(0))
                .optional()?;
            let Ok(bytes) = <[u8; 8]>::try_from(value.unwrap_or_else(|| vec![0; 8])) else {
                return Ok(None);
            };
            let counter = i64::from_le_bytes(bytes).wrapping_add(delta);
            write(transaction, store, key, &counter.to_le_bytes())?;
            Ok(Some(counter))
        })?;
        counter.ok_or_else(|| {
            StoreError(format!(
                "the value of `{key}` is not a counter of eight bytes"
            ))
        })
    }

    /// Runs `call` on the next reader: readers do not wait for the writer, nor it for them.
    fn read<T>(
        &self,
        call: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Ok(call(&lock(&self.readers[turn % READERS]))?)
    }

    fn transaction<T>(
        &self,
        call: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        // Immediate: a swap reads before it writes, and nobody may write in between.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = call(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }
}

/// A panic cannot leave a connection half-written: an open transaction rolls back when dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(|error| {
        StoreError(format!(
            "could not open the key-value store {}: {error}",
            path.display()
        ))
    })?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn version(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT version FROM entry WHERE store = ? AND key = ?")?
        .query_row([store, key], |row| row.get(0))
        .optional()
}

fn write(connection: &Connection, store: &str, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO entry (store, key, value) VALUES (?, ?, ?)")?
        .execute(params![store, key, value])
        .map(drop)
}
