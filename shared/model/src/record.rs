//! JSON records in the key-value store, and changing one that others change too.
//!
//! Each changeable record carries a random write token. Compare-and-swap alone is not enough:
//! some stores answer "lost" although they wrote, so after a lost swap the record is read again,
//! and if it carries our token the change stands (DESIGN §2).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::{KeyValue, Random, StoreError, Swap};

/// How often a change is tried against other writers before it is given up.
const ATTEMPTS: u32 = 8;

/// A record could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such record.
    #[error("there is nothing under `{key}`")]
    Absent {
        /// The key that was asked for.
        key: String,
    },
    /// What is stored there is not what this version writes.
    #[error("the record `{key}` cannot be read: {reason}")]
    Unreadable {
        /// The key that was asked for.
        key: String,
        /// What the JSON reader said.
        reason: String,
    },
    /// Others kept changing it.
    #[error("`{key}` was changed by others {ATTEMPTS} times in a row")]
    Contended {
        /// The key that was to be changed.
        key: String,
    },
}

/// The name of the write token in a record, beside the value's own fields.
const TOKEN: &str = "write_token";

/// A record as it is stored. (`#[serde(flatten)]` would say the same in twenty times the code.)
fn encode(token: &str, value: &impl Serialize) -> Vec<u8> {
    let value = serde_json::to_string(value).expect("our own records serialise");
    let fields = value
        .strip_prefix('{')
        .expect("a record is an object with fields");
    format!("{},{fields}", head(token)).into_bytes()
}

/// How a record begins that was written with this token.
fn head(token: &str) -> String {
    format!("{{\"{TOKEN}\":\"{token}\"")
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(bytes).map_err(|error| RecordError::Unreadable {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}

/// Reads a record, `None` if there is none. Costs one store read.
pub async fn load<T: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
) -> Result<Option<T>, RecordError> {
    let bytes = store.get(key).await?;
    bytes.map(|bytes| decode(key, &bytes)).transpose()
}

/// Writes a record that nobody else can be writing: its key is fresh, or it never changes.
pub async fn write_once(
    store: &impl KeyValue,
    random: &impl Random,
    key: &str,
    value: &impl Serialize,
) -> Result<(), RecordError> {
    Ok(store.set(key, &encode(&token(random), value)).await?)
}

/// Changes an existing record; `change` may be called again on a newer value if others wrote.
pub async fn update<T: Serialize + DeserializeOwned>(
    store: &impl KeyValue,
    random: &impl Random,
    key: &str,
    change: impl FnMut(&mut T),
) -> Result<T, RecordError> {
    update_or(store, random, key, || None, change).await
}

/// Changes a record that may not exist yet; it then begins as its default.
pub async fn update_or_create<T: Serialize + DeserializeOwned + Default>(
    store: &impl KeyValue,
    random: &impl Random,
    key: &str,
    change: impl FnMut(&mut T),
) -> Result<T, RecordError> {
    update_or(store, random, key, || Some(T::default()), change).await
}

async fn update_or<T: Serialize + DeserializeOwned>(
    store: &impl KeyValue,
    random: &impl Random,
    key: &str,
    absent: fn() -> Option<T>,
    mut change: impl FnMut(&mut T),
) -> Result<T, RecordError> {
    let mut changed = None;
    replace(store, random, key, &mut |bytes, token| {
        let mut value = match bytes {
            Some(bytes) => decode(key, &bytes)?,
            None => absent().ok_or_else(|| RecordError::Absent {
                key: key.to_owned(),
            })?,
        };
        change(&mut value);
        let encoded = encode(token, &value);
        changed = Some(value);
        Ok(encoded)
    })
    .await?;
    Ok(changed.expect("what was written was made"))
}

/// A record's next bytes, of the last ones and a write token.
type Next<'a> = dyn FnMut(Option<Vec<u8>>, &str) -> Result<Vec<u8>, RecordError> + 'a;

/// Writes a record's next bytes until they stand. It knows nothing of the record's type: all this would
/// be compiled anew for each change of each record.
async fn replace(
    store: &impl KeyValue,
    random: &impl Random,
    key: &str,
    next: &mut Next<'_>,
) -> Result<(), RecordError> {
    for _ in 0..ATTEMPTS {
        let (ticket, bytes) = store.current(key).await?;
        let is_first = bytes.is_none();
        let token = token(random);
        let swap = store.swap(ticket, &next(bytes, &token)?).await?;
        // Some stores let two first writers of a key succeed: the one whose token stands did.
        let is_certain = swap == Swap::Done && !is_first;
        if is_certain || written_by(store, key, &token).await? {
            return Ok(());
        }
    }
    Err(RecordError::Contended {
        key: key.to_owned(),
    })
}

async fn written_by(store: &impl KeyValue, key: &str, token: &str) -> Result<bool, RecordError> {
    let written = store.get(key).await?;
    Ok(written.is_some_and(|written| written.starts_with(head(token).as_bytes())))
}

fn token(random: &impl Random) -> String {
    crate::SessionId::from_random(random.bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fakes;
    use futures::executor::block_on;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Counter {
        count: u32,
    }

    fn raise(counter: &mut Counter) {
        counter.count += 1;
    }

    #[test]
    fn a_change_survives_a_store_that_says_lost_although_it_wrote() {
        let fakes = Fakes::default();
        block_on(async {
            write_once(&fakes.store, &fakes.drawn, "k", &Counter { count: 1 }).await?;
            fakes.store.false_losses.set(1);
            let after = update(&fakes.store, &fakes.drawn, "k", raise).await?;
            assert_eq!(after, Counter { count: 2 });
            assert_eq!(load(&fakes.store, "k").await?, Some(Counter { count: 2 }));
            Ok::<(), RecordError>(())
        })
        .expect("the store works");
    }

    #[test]
    fn a_change_is_made_again_on_what_another_writer_left() {
        let fakes = Fakes::default();
        let other = encode("other", &Counter { count: 10 });
        fakes
            .store
            .interferences
            .borrow_mut()
            .push(("k".into(), other));
        block_on(async {
            write_once(&fakes.store, &fakes.drawn, "k", &Counter { count: 1 }).await?;
            let after = update(&fakes.store, &fakes.drawn, "k", raise).await?;
            assert_eq!(after, Counter { count: 11 });
            Ok::<(), RecordError>(())
        })
        .expect("the store works");
    }

    #[test]
    fn gives_up_after_eight_lost_races() {
        let fakes = Fakes::default();
        for count in 0..20 {
            let other = encode("o", &Counter { count });
            fakes
                .store
                .interferences
                .borrow_mut()
                .push(("k".into(), other));
        }
        let outcome = block_on(async {
            write_once(&fakes.store, &fakes.drawn, "k", &Counter::default()).await?;
            update(&fakes.store, &fakes.drawn, "k", raise).await
        });
        assert_eq!(outcome, Err(RecordError::Contended { key: "k".into() }));
    }

    #[test]
    fn an_absent_record_begins_as_its_default() {
        let fakes = Fakes::default();
        let made = block_on(update_or_create(&fakes.store, &fakes.drawn, "k", raise));
        assert_eq!(made, Ok(Counter { count: 1 }));
        let made = block_on(update::<Counter>(&fakes.store, &fakes.drawn, "gone", raise));
        assert_eq!(made, Err(RecordError::Absent { key: "gone".into() }));
    }
}
