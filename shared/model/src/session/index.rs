//! The list of a caller's sessions, which `GET /session/` pages through.
//!
//! Whoever presents an owner id may read its list; the id is drawn like a session's, so a cookie
//! that carries it needs no signature.

use serde::{Deserialize, Serialize};

use crate::SessionId;
use crate::ports::Outside;
use crate::record::{self, RecordError};

/// The most sessions that one list keeps; older ones can still be used by their ids.
pub const KEPT: usize = 1_000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct OwnedSessions {
    /// Oldest first.
    session_ids: Vec<SessionId>,
}

fn key(owner: &str) -> String {
    format!("v1/owner/{owner}")
}

/// Adds a session to the list.
pub async fn add(outside: &impl Outside, owner: &str, id: SessionId) -> Result<(), RecordError> {
    let add = |owned: &mut OwnedSessions| {
        owned.session_ids.retain(|&known| known != id);
        owned.session_ids.push(id);
        let excess = owned.session_ids.len().saturating_sub(KEPT);
        owned.session_ids.drain(..excess);
    };
    record::update_or_create(outside.store(), outside.random(), &key(owner), add).await?;
    Ok(())
}

/// Removes a session from the list.
pub async fn remove(outside: &impl Outside, owner: &str, id: SessionId) -> Result<(), RecordError> {
    let remove = |owned: &mut OwnedSessions| owned.session_ids.retain(|&known| known != id);
    match record::update(outside.store(), outside.random(), &key(owner), remove).await {
        Err(RecordError::Absent { .. }) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The ids in the list, newest first.
pub async fn list(outside: &impl Outside, owner: &str) -> Result<Vec<SessionId>, RecordError> {
    let owned: Option<OwnedSessions> = record::load(outside.store(), &key(owner)).await?;
    Ok(owned
        .unwrap_or_default()
        .session_ids
        .into_iter()
        .rev()
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fakes;
    use futures::executor::block_on;

    #[test]
    fn lists_newest_first_and_forgets_what_was_removed() {
        let fakes = Fakes::default();
        let ids = [1, 2, 3].map(|byte| SessionId::from_random([byte; 16]));
        block_on(async {
            for id in ids {
                add(&fakes, "o", id).await?;
            }
            remove(&fakes, "o", ids[1]).await?;
            remove(&fakes, "nobody", ids[1]).await?;
            assert_eq!(list(&fakes, "o").await?, [ids[2], ids[0]]);
            assert_eq!(list(&fakes, "nobody").await?, []);
            Ok::<(), RecordError>(())
        })
        .expect("the store works");
    }
}
