//! `Idempotency-Key`: a client that asks again for the same thing gets the same sandbox.
//!
//! Clients send their request again when the answer was lost; without this, each attempt would
//! leave a sandbox behind. A key counts for as long as its sandbox lives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::error::ApiError;
use crate::service::Service;

/// As E2B's clients have it.
const LONGEST_KEY: usize = 255;

/// The keys of sandboxes that live or are being made.
#[derive(Default)]
pub struct Idempotency(Mutex<BTreeMap<String, Arc<AsyncMutex<Entry>>>>);

/// What a key stands for. Held while its sandbox is being made.
#[derive(Default)]
pub struct Entry {
    /// The sandbox, once there is one.
    pub sandbox: Option<String>,
    /// The hash of the request's body.
    asked_for: Option<[u8; 32]>,
}

impl Idempotency {
    /// The entry of the request's key; `None` if it has none.
    pub fn entry(
        &self,
        service: &Service,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<AsyncMutex<Entry>>>, ApiError> {
        let Some(key) = headers.get("idempotency-key") else {
            return Ok(None);
        };
        let key = key
            .to_str()
            .ok()
            .filter(|key| (1..=LONGEST_KEY).contains(&key.len()))
            .ok_or_else(|| {
                ApiError::Invalid(format!(
                    "the header Idempotency-Key must be 1 to {LONGEST_KEY} characters of ASCII"
                ))
            })?;
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| {
            let lives = |entry: &Entry| {
                let id = entry.sandbox.as_ref();
                id.is_some_and(|id| service.get(id).is_some())
            };
            // Whoever holds another reference is about to make its sandbox.
            Arc::strong_count(entry) > 1 || entry.try_lock().is_ok_and(|entry| lives(&entry))
        });
        Ok(Some(entries.entry(key.to_owned()).or_default().clone()))
    }
}

impl Entry {
    /// The sandbox that was made for the same request; a key that stands for another is refused.
    pub fn repeated(&mut self, body: &[u8]) -> Result<Option<String>, ApiError> {
        let digest: [u8; 32] = Sha256::digest(body).into();
        match (&self.sandbox, self.asked_for.replace(digest)) {
            (Some(_), Some(asked_for)) if asked_for != digest => {
                self.asked_for = Some(asked_for);
                Err(ApiError::OtherRequest)
            }
            (sandbox, _) => Ok(sandbox.clone()),
        }
    }
}
