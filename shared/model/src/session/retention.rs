//! The purge of sessions whose records have been kept long enough.
//!
//! Stores have no expiry of their own and listing keys is slow, so each session stands in an index
//! of the day it was made, and each new session purges a few that are due. A day's index is cut
//! into shards, so that many sessions made at once do not contend for one key.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Lifetimes, Session, SessionError};
use crate::ports::{Outside, Timer as _};
use crate::record::{self, RecordError};
use crate::{SessionId, Timestamp};

/// The most sessions that one new session purges.
const PURGED_AT_ONCE: usize = 5;
const DAY: Duration = Duration::from_secs(86_400);
/// How many days back a purge looks: days on which nobody came are caught up later.
const DAYS_CAUGHT_UP: u64 = 8;

#[derive(Debug, Default, Serialize, Deserialize)]
struct MadeThatDay {
    session_ids: Vec<SessionId>,
}

/// The index of a day, in the shard that an id belongs to.
fn key(day: Timestamp, id: SessionId) -> String {
    let shard = id.to_string().chars().next().unwrap_or('0');
    format!("v1/day/{}/{shard}", day.day())
}

impl Lifetimes {
    /// How long a session's records are kept after its last activity.
    fn kept(self) -> Duration {
        self.activity() + DAY * self.retention_days
    }
}

/// Enters a new session into the index of its day and purges some that are due.
///
/// `id` also chooses which shard, and which of the days that are due, is looked at: ids are random,
/// so all get their turn.
pub async fn enter(
    outside: &impl Outside,
    id: SessionId,
    lifetimes: Lifetimes,
) -> Result<(), SessionError> {
    let now = outside.timer().now();
    enter_on(outside, now, id).await?;
    let days_back = u64::from(id.last_byte()) % DAYS_CAUGHT_UP;
    let age = lifetimes.kept() + DAY + DAY * u32::try_from(days_back).unwrap_or(0);
    let Some(due) = now.before(age) else {
        return Ok(());
    };
    purge(outside, &key(due, id), now, lifetimes).await
}

async fn enter_on(
    outside: &impl Outside,
    day: Timestamp,
    id: SessionId,
) -> Result<(), RecordError> {
    let enter = |made: &mut MadeThatDay| {
        made.session_ids.retain(|&known| known != id);
        made.session_ids.push(id);
    };
    record::update_or_create(outside.store(), outside.random(), &key(day, id), enter).await?;
    Ok(())
}

async fn purge(
    outside: &impl Outside,
    key: &str,
    now: Timestamp,
    lifetimes: Lifetimes,
) -> Result<(), SessionError> {
    let Some(made) = record::load::<MadeThatDay>(outside.store(), key).await? else {
        return Ok(());
    };
    let looked_at: Vec<SessionId> = made
        .session_ids
        .iter()
        .copied()
        .take(PURGED_AT_ONCE)
        .collect();
    for &id in &looked_at {
        let head: Option<Session> = record::load(outside.store(), &Session::key(id)).await?;
        match head {
            None => {}
            Some(head) if now >= head.active_at.after(lifetimes.kept()) => {
                super::delete(outside, &head).await?;
            }
            // It was used after its day: it stands under the day of that use from now on.
            Some(head) => enter_on(outside, head.active_at, id).await?,
        }
    }
    let forget = |made: &mut MadeThatDay| made.session_ids.retain(|id| !looked_at.contains(id));
    record::update(outside.store(), outside.random(), key, forget).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fakes;
    use crate::session;
    use futures::executor::block_on;

    const BEGIN: Duration = Duration::from_secs(1_000 * 86_400);

    /// Ids in one shard that look at the day that became due today.
    fn id(number: u8) -> SessionId {
        let mut bytes = [0; 16];
        bytes[8] = number;
        SessionId::from_random(bytes)
    }

    fn make(fakes: &Fakes, id: SessionId) {
        let session = Session::new(id, fakes.timer.now());
        let made = async {
            record::write_once(&fakes.store, &fakes.drawn, &Session::key(id), &session).await?;
            enter(fakes, id, Lifetimes::default()).await
        };
        block_on(made).expect("the store works");
    }

    #[test]
    fn sessions_are_purged_when_their_time_is_over_and_not_before() {
        let fakes = Fakes::default();
        fakes.timer.advance(BEGIN);
        make(&fakes, id(1));
        make(&fakes, id(2));
        // 3 days of life and 30 days of retention: the day after, it is due.
        fakes.timer.advance(DAY * 33);
        make(&fakes, id(3));
        assert!(block_on(session::load(&fakes, id(1))).is_ok());
        let now = fakes.timer.now();
        let used = session::update(&fakes, id(2), |head| head.touch(now));
        block_on(used).expect("it is there");
        fakes.timer.advance(DAY);
        make(&fakes, id(4));
        assert_eq!(
            block_on(session::load(&fakes, id(1))),
            Err(SessionError::Unknown(id(1)))
        );
        assert!(
            block_on(session::load(&fakes, id(2))).is_ok(),
            "it was used since"
        );
    }
}
