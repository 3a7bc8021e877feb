//! What a session is, how long it lives, and how it is shown.
//!
//! The head record is small and holds what `GET /session/{id}` answers, so that the answer costs
//! one store read and calls nothing (DESIGN §5).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ports::{KeyValue as _, Outside};
use crate::record::{self, RecordError};
use crate::revision::RevisionSummary;
use crate::{DatasetId, Framework, SessionId, Timestamp};

pub mod index;
pub mod retention;

/// How much of the latest output a head keeps, in bytes.
pub const OUTPUT_KEPT: usize = 8 * 1024;

/// Activity moves the end of life at most this often, so that reads stay reads.
const ACTIVITY_STEP: Duration = Duration::from_secs(5 * 60);

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// From the last activity to expiry (variable `activity_hours`).
    pub activity_hours: u32,
    /// From expiry to the purge of the records (variable `retention_days`).
    pub retention_days: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            activity_hours: 72,
            retention_days: 30,
        }
    }
}

impl Lifetimes {
    fn activity(self) -> Duration {
        Duration::from_secs(u64::from(self.activity_hours) * 3_600)
    }

    /// As source 1's clients expect it: `72 hours`.
    pub fn activity_duration(self) -> String {
        format!("{} hours", self.activity_hours)
    }
}

/// The sandbox that a session uses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxRef {
    /// E2B's `sandboxID`.
    pub id: String,
    /// E2B's `domain`, where the service gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// E2B's `envdAccessToken`. A secret: it is in the head, and never in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// E2B's `trafficAccessToken`. A secret as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_token: Option<String>,
}

impl fmt::Debug for SandboxRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SandboxRef({}, tokens ***)", self.id)
    }
}

/// The app that is live in a session's sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveApp {
    /// In which sandbox: its process id means nothing in another one.
    #[serde(default)]
    pub sandbox_id: String,
    /// Which revision's code it runs.
    pub revision: u32,
    /// Where it listens, inside the sandbox.
    pub port: u16,
    /// The launcher's process, inside the sandbox.
    pub pid: u32,
    /// Its public address.
    pub url: String,
    /// What it was built with.
    pub framework: Framework,
}

/// The head record of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// A name for lists; the first prompt, or empty.
    #[serde(default)]
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The latest activity that was recorded.
    pub active_at: Timestamp,
    /// Its sandbox, if it has one.
    #[serde(default)]
    pub sandbox: Option<SandboxRef>,
    /// Its live app, if it has one.
    #[serde(default)]
    pub app: Option<LiveApp>,
    /// The end of the latest output, at most [`OUTPUT_KEPT`] bytes.
    #[serde(default)]
    pub output: String,
    /// Its dataset, if it has one.
    #[serde(default)]
    pub dataset_id: Option<DatasetId>,
    /// All its revisions, oldest first, numbered from 1.
    #[serde(default)]
    pub revisions: Vec<RevisionSummary>,
    /// The last revision number that was given out.
    #[serde(default)]
    pub revision_counter: u32,
    /// How often it was asked to stop what runs; whoever works looks at it now and then.
    #[serde(default)]
    pub stops_asked: u64,
    /// Up to which of these requests work was stopped.
    #[serde(default)]
    pub stops_obeyed: u64,
    /// Tokens of models that were spent for it.
    #[serde(default)]
    pub tokens: u64,
}

/// Whether a session can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// An app is live.
    Live,
    /// Code can be run.
    Idle,
    /// Its time is over; a POST revives it while its records are kept.
    Expired,
}

/// What `GET /session/{id}` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// The end of the latest output.
    pub output: String,
    /// The live app's address.
    pub url: Option<String>,
    /// The session's id.
    pub session_id: SessionId,
    /// `72 hours`.
    pub activity_duration: String,
    /// When it ends unless something happens.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it can be used.
    pub status: Status,
    /// Its name in lists.
    pub title: String,
    /// What the live app was built with.
    pub framework: Option<Framework>,
    /// The live revision, or the newest.
    pub revision: Option<u32>,
    /// All revisions, oldest first.
    pub revisions: Vec<RevisionSummary>,
    /// Its dataset.
    pub dataset_id: Option<DatasetId>,
    /// Tokens of models that were spent for it.
    pub tokens: u64,
}

impl Session {
    /// A new session.
    pub fn new(id: SessionId, now: Timestamp) -> Self {
        Self {
            id,
            title: String::new(),
            created_at: now,
            active_at: now,
            sandbox: None,
            app: None,
            output: String::new(),
            dataset_id: None,
            revisions: Vec::new(),
            revision_counter: 0,
            stops_asked: 0,
            stops_obeyed: 0,
            tokens: 0,
        }
    }

    /// The key of a session's head.
    pub fn key(id: SessionId) -> String {
        format!("v1/session/{id}")
    }

    /// When the session ends unless something happens.
    pub fn expires_at(&self, lifetimes: Lifetimes) -> Timestamp {
        self.active_at.after(lifetimes.activity())
    }

    /// Whether the session can be used at `now`.
    pub fn status(&self, now: Timestamp, lifetimes: Lifetimes) -> Status {
        if now >= self.expires_at(lifetimes) {
            Status::Expired
        } else if self.app.is_some() {
            Status::Live
        } else {
            Status::Idle
        }
    }

    /// Whether the recorded activity is old enough to be worth a change.
    pub fn activity_is_due(&self, now: Timestamp) -> bool {
        now.since(self.active_at) >= ACTIVITY_STEP
    }

    /// Records activity at `now`, if that is due.
    pub fn touch(&mut self, now: Timestamp) {
        if self.activity_is_due(now) {
            self.active_at = now;
        }
    }

    /// Keeps the end of `output` as the session's latest.
    pub fn keep_output(&mut self, output: &str) {
        let from = output.len().saturating_sub(OUTPUT_KEPT);
        let from = (from..=output.len()).find(|&at| output.is_char_boundary(at));
        self.output = output[from.unwrap_or(output.len())..].to_owned();
    }

    /// What the session looks like at `now`.
    pub fn view(&self, now: Timestamp, lifetimes: Lifetimes) -> SessionView {
        let status = self.status(now, lifetimes);
        let app = self.app.as_ref().filter(|_| status == Status::Live);
        let newest = self.revisions.last();
        SessionView {
            output: self.output.clone(),
            url: app.map(|app| app.url.clone()),
            session_id: self.id,
            activity_duration: lifetimes.activity_duration(),
            expires_at: self.expires_at(lifetimes),
            created_at: self.created_at,
            status,
            title: self.title.clone(),
            framework: app
                .map(|app| app.framework)
                .or(newest.map(|newest| newest.framework)),
            revision: app
                .map(|app| app.revision)
                .or(newest.map(|newest| newest.revision)),
            revisions: self.revisions.clone(),
            dataset_id: self.dataset_id,
            tokens: self.tokens,
        }
    }
}

/// A session could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Nobody has made it, or it was deleted.
    #[error("there is no session {0}: leave `session_id` out to begin a new one")]
    Unknown(SessionId),
    /// The records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Reads a session: one store read.
pub async fn load(outside: &impl Outside, id: SessionId) -> Result<Session, SessionError> {
    let session = record::load(outside.store(), &Session::key(id)).await?;
    session.ok_or(SessionError::Unknown(id))
}

/// Changes a session; `change` may be called more than once.
pub async fn update(
    outside: &impl Outside,
    id: SessionId,
    change: impl FnMut(&mut Session),
) -> Result<Session, SessionError> {
    let key = Session::key(id);
    let updated = record::update(outside.store(), outside.random(), &key, change);
    updated.await.map_err(|error| match error {
        RecordError::Absent { .. } => SessionError::Unknown(id),
        other => SessionError::Record(other),
    })
}

/// Removes a session's records; absent ones are fine.
pub async fn delete(outside: &impl Outside, session: &Session) -> Result<(), SessionError> {
    for summary in &session.revisions {
        let key = crate::revision::Revision::key(session.id, summary.revision);
        outside
            .store()
            .delete(&key)
            .await
            .map_err(RecordError::from)?;
    }
    outside
        .store()
        .delete(&Session::key(session.id))
        .await
        .map_err(RecordError::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Fakes, Random as _, Timer as _};
    use futures::executor::block_on;

    async fn create(outside: &impl Outside) -> Result<Session, SessionError> {
        let id = SessionId::from_random(outside.random().bytes());
        let session = Session::new(id, outside.timer().now());
        record::write_once(
            outside.store(),
            outside.random(),
            &Session::key(id),
            &session,
        )
        .await?;
        Ok(session)
    }

    fn session() -> Session {
        Session::new(
            SessionId::from_random([7; 16]),
            Timestamp::from_unix_millis(0),
        )
    }

    #[test]
    fn a_session_expires_72_hours_after_its_last_activity() {
        let mut session = session();
        let hours = |count: u64| Timestamp::from_unix_millis(count * 3_600_000);
        let lifetimes = Lifetimes::default();
        assert_eq!(session.status(hours(71), lifetimes), Status::Idle);
        assert_eq!(session.status(hours(72), lifetimes), Status::Expired);
        session.touch(hours(70));
        assert_eq!(session.status(hours(72), lifetimes), Status::Idle);
    }

    #[test]
    fn activity_changes_the_head_at_most_every_five_minutes() {
        let mut session = session();
        session.touch(Timestamp::from_unix_millis(299_999));
        assert_eq!(session.active_at.unix_millis(), 0);
        session.touch(Timestamp::from_unix_millis(300_000));
        assert_eq!(session.active_at.unix_millis(), 300_000);
    }

    #[test]
    fn keeps_the_end_of_a_long_output_at_a_character_boundary() {
        let mut session = session();
        session.keep_output(&format!("start{}", "é".repeat(OUTPUT_KEPT)));
        assert!(session.output.len() <= OUTPUT_KEPT && session.output.ends_with('é'));
        session.keep_output("short");
        assert_eq!(session.output, "short");
    }

    #[test]
    fn the_view_shows_no_secret() {
        let mut session = session();
        session.sandbox = Some(SandboxRef {
            id: "s1".into(),
            domain: None,
            access_token: Some("secret".into()),
            traffic_token: Some("secret".into()),
        });
        let view = session.view(Timestamp::from_unix_millis(0), Lifetimes::default());
        let json = serde_json::to_string(&view).expect("a view serialises");
        assert!(!json.contains("secret"), "{json}");
        assert!(json.contains(r#""activity_duration":"72 hours""#), "{json}");
    }

    #[test]
    fn reading_a_session_is_one_read_of_the_store_and_an_unknown_one_is_an_error() {
        let fakes = Fakes::default();
        let made = block_on(create(&fakes)).expect("the store works");
        let calls = || (fakes.store.reads.get(), fakes.store.writes.get());
        let (reads, writes) = calls();
        assert_eq!(block_on(load(&fakes, made.id)), Ok(made.clone()));
        assert_eq!(calls(), (reads + 1, writes));
        block_on(delete(&fakes, &made)).expect("the store works");
        assert_eq!(
            block_on(load(&fakes, made.id)),
            Err(SessionError::Unknown(made.id))
        );
        assert!(fakes.store.keys().is_empty());
    }
}
