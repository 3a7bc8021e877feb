//! Datasets in the store: one head record and parts of at most 512 KiB.
//!
//! Parts are written first and the head last, so a dataset that can be found is whole. Compression
//! is the caller's business ([`Codec`]), because it is a library's job and this crate has none.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ports::{KeyValue, Outside, StoreError};
use crate::record::{self, RecordError};
use crate::{DatasetId, Timestamp};

/// The most bytes of a stored part, before compression.
pub const PART_BYTES: usize = 512 * 1024;

/// The head record of a dataset; `P` is its profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset<P> {
    /// The dataset's id.
    pub id: DatasetId,
    /// Its file name, safe for a sandbox.
    pub file_name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many parts it has.
    pub parts: u32,
    /// When it came.
    pub created_at: Timestamp,
    /// What is known about its contents.
    pub profile: P,
}

/// How parts are packed for the store.
pub trait Codec {
    /// Packs a part.
    fn pack(&self, part: &[u8]) -> Vec<u8>;
    /// Unpacks it again; `None` if it is damaged.
    fn unpack(&self, packed: &[u8]) -> Option<Vec<u8>>;
}

/// A dataset could not be stored or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// Nobody has uploaded it, or it was purged.
    #[error("there is no dataset {0}: upload the file again with POST /data/")]
    Unknown(DatasetId),
    /// A part is missing or damaged.
    #[error("part {part} of dataset {id} is damaged: upload the file again with POST /data/")]
    Damaged {
        /// The dataset.
        id: DatasetId,
        /// The part, from 0.
        part: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The head could not be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn key(id: DatasetId) -> String {
    format!("v1/dataset/{id}")
}

fn part_key(id: DatasetId, part: u32) -> String {
    format!("v1/dataset/{id}/part/{part}")
}

/// Stores one part, before the head exists.
pub async fn store_part(
    outside: &impl Outside,
    codec: &impl Codec,
    id: DatasetId,
    part: u32,
    bytes: &[u8],
) -> Result<(), DatasetError> {
    Ok(outside
        .store()
        .set(&part_key(id, part), &codec.pack(bytes))
        .await?)
}

/// Removes the first `parts` parts of a dataset that gets no head.
pub async fn delete_parts(
    outside: &impl Outside,
    id: DatasetId,
    parts: u32,
) -> Result<(), DatasetError> {
    for part in 0..parts {
        outside.store().delete(&part_key(id, part)).await?;
    }
    Ok(())
}

/// Stores the head, when all parts are there.
pub async fn store_head<P: Serialize>(
    outside: &impl Outside,
    dataset: &Dataset<P>,
) -> Result<(), DatasetError> {
    Ok(record::write_once(outside.store(), outside.random(), &key(dataset.id), dataset).await?)
}

/// Reads the head.
pub async fn load<P: DeserializeOwned>(
    outside: &impl Outside,
    id: DatasetId,
) -> Result<Dataset<P>, DatasetError> {
    let dataset = record::load(outside.store(), &key(id)).await?;
    dataset.ok_or(DatasetError::Unknown(id))
}

/// Reads the whole file.
pub async fn load_bytes<P>(
    outside: &impl Outside,
    codec: &impl Codec,
    dataset: &Dataset<P>,
) -> Result<Vec<u8>, DatasetError> {
    let size = usize::try_from(dataset.bytes).unwrap_or(0);
    let mut bytes = Vec::with_capacity(size.min(dataset.parts as usize * PART_BYTES));
    for part in 0..dataset.parts {
        let packed = outside.store().get(&part_key(dataset.id, part)).await?;
        let unpacked = packed.and_then(|packed| codec.unpack(&packed));
        let damaged = || DatasetError::Damaged {
            id: dataset.id,
            part,
        };
        bytes.extend_from_slice(&unpacked.ok_or_else(damaged)?);
    }
    Ok(bytes)
}

/// Turns what a client calls its file into a name that is safe in a path and in code.
///
/// Keeps letters, digits, `-`, `_` and `.`; anything else becomes `_`. Always ends in `.csv`.
pub fn safe_file_name(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match base.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 4 => stem,
        _ => base,
    };
    let safe = |character: char| match character {
        '-' | '_' | '.' => character,
        _ if character.is_ascii_alphanumeric() => character,
        _ => '_',
    };
    let stem: String = stem.chars().take(80).map(safe).collect();
    let stem = stem.trim_matches(['.', '_']);
    format!("{}.csv", if stem.is_empty() { "data" } else { stem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fakes;
    use futures::executor::block_on;

    struct Plain;

    impl Codec for Plain {
        fn pack(&self, part: &[u8]) -> Vec<u8> {
            part.to_vec()
        }
        fn unpack(&self, packed: &[u8]) -> Option<Vec<u8>> {
            Some(packed.to_vec())
        }
    }

    #[test]
    fn a_dataset_reads_back_whole_and_a_missing_part_is_named() {
        let fakes = Fakes::default();
        let id = DatasetId::from_random([1; 16]);
        let dataset = Dataset {
            id,
            file_name: "a.csv".into(),
            bytes: 4,
            parts: 2,
            created_at: Timestamp::from_unix_millis(0),
            profile: (),
        };
        block_on(async {
            store_part(&fakes, &Plain, id, 0, b"a,").await?;
            store_part(&fakes, &Plain, id, 1, b"b\n").await?;
            store_head(&fakes, &dataset).await?;
            let found: Dataset<()> = load(&fakes, id).await?;
            assert_eq!(load_bytes(&fakes, &Plain, &found).await?, b"a,b\n");
            fakes.store.delete(&part_key(id, 1)).await?;
            let damaged = load_bytes(&fakes, &Plain, &found).await;
            assert_eq!(damaged, Err(DatasetError::Damaged { id, part: 1 }));
            delete_parts(&fakes, id, 2).await?;
            assert_eq!(fakes.store.keys(), [key(id)]);
            Ok::<(), DatasetError>(())
        })
        .expect("the store works");
    }

    #[test]
    fn file_names_are_safe_in_paths_and_code() {
        for (name, safe) in [
            ("seattle-weather.csv", "seattle-weather.csv"),
            ("../../etc/passwd", "passwd.csv"),
            ("C:\\data\\Ümsätze 2026.CSV", "ms_tze_2026.csv"),
            ("", "data.csv"),
            ("…", "data.csv"),
            ("a\"; import os #.tsv", "a___import_os.csv"),
        ] {
            assert_eq!(safe_file_name(name), safe, "{name}");
        }
    }
}
