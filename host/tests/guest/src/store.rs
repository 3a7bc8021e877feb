//! The key-value store, through both interfaces.

use spin_sdk::key_value::Store;
use spin_sdk::wit::wasi::keyvalue::atomics::{self, Cas, CasError};
use spin_sdk::wit::wasi::keyvalue::{batch, store};

use crate::Query;

pub(crate) fn run(operation: &str, query: &Query) -> (u16, String) {
    match try_run(operation, query) {
        Ok(text) => (200, text),
        Err(text) => (500, text),
    }
}

fn try_run(operation: &str, query: &Query) -> Result<String, String> {
    let (key, value) = (query.get("key"), query.get("value"));
    let spin = || Store::open("default").map_err(debug);
    let bucket = || store::open("default").map_err(debug);
    match operation {
        "open" => Store::open(query.get("label"))
            .map(|_| "open".into())
            .map_err(debug),
        "get" => spin()?.get(key).map(text).map_err(debug),
        "set" => spin()?
            .set(key, value.as_bytes())
            .map(|()| "set".into())
            .map_err(debug),
        "delete" => spin()?
            .delete(key)
            .map(|()| "deleted".into())
            .map_err(debug),
        "exists" => spin()?
            .exists(key)
            .map(|exists| exists.to_string())
            .map_err(debug),
        "keys" => spin()?.get_keys().map(|keys| keys.join(",")).map_err(debug),
        "bucket-get" => bucket()?.get(key).map(text).map_err(debug),
        "bucket-set" => bucket()?
            .set(key, value.as_bytes())
            .map(|()| "set".into())
            .map_err(debug),
        "bucket-keys" => bucket()?
            .list_keys(None)
            .map(|page| page.keys.join(","))
            .map_err(debug),
        "increment" => atomics::increment(&bucket()?, key, 1)
            .map(|n| n.to_string())
            .map_err(debug),
        "create" => create(&bucket()?, key, value),
        "count" => count(&bucket()?, key),
        "many" => many(&bucket()?),
        other => Err(format!("no operation `{other}`")),
    }
}

fn debug(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn text(value: Option<Vec<u8>>) -> String {
    value.map_or("absent".into(), |value| {
        String::from_utf8_lossy(&value).into_owned()
    })
}

/// Writes a key only if it is absent.
fn create(bucket: &store::Bucket, key: &str, value: &str) -> Result<String, String> {
    let cas = Cas::new(bucket, key).map_err(debug)?;
    if cas.current().map_err(debug)?.is_some() {
        return Ok("exists".into());
    }
    match atomics::swap(cas, value.as_bytes()) {
        Ok(()) => Ok("created".into()),
        Err(CasError::CasFailed(_)) => Ok("lost".into()),
        Err(CasError::StoreError(error)) => Err(debug(error)),
    }
}

/// Adds one to a decimal number, trying again for as long as others are faster.
fn count(bucket: &store::Bucket, key: &str) -> Result<String, String> {
    let mut cas = Cas::new(bucket, key).map_err(debug)?;
    loop {
        let current = cas.current().map_err(debug)?;
        let number: u64 = text(current).parse().unwrap_or(0);
        match atomics::swap(cas, (number + 1).to_string().as_bytes()) {
            Ok(()) => return Ok((number + 1).to_string()),
            Err(CasError::CasFailed(newer)) => cas = newer,
            Err(CasError::StoreError(error)) => return Err(debug(error)),
        }
    }
}

fn many(bucket: &store::Bucket) -> Result<String, String> {
    let entries = [
        ("many-a".to_owned(), b"1".to_vec()),
        ("many-b".to_owned(), b"2".to_vec()),
    ];
    batch::set_many(bucket, &entries).map_err(debug)?;
    batch::delete_many(bucket, &["many-a".to_owned()]).map_err(debug)?;
    let keys = ["many-a".to_owned(), "many-b".to_owned()];
    let values = batch::get_many(bucket, &keys).map_err(debug)?;
    Ok(values
        .into_iter()
        .map(|(key, value)| format!("{key}={} ", text(value)))
        .collect())
}
