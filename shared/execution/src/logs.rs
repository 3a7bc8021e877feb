//! What a session's app wrote since its start, read from the file that its launcher keeps.
//!
//! Reading wakes nothing up and changes nothing: of a sandbox that is gone only the end of the
//! output is left that the session keeps.

use std::time::Duration;

use model::SessionId;
use model::dataset::Codec;
use model::event::{Event, EventSink};
use model::ports::{Body, Outside, Timer as _};
use model::session::{self, SandboxRef, Session};
use serde::Serialize;

use crate::app::{LOG_FOLDER, log_path};
use crate::client::{DirectoryWatch, From, SandboxError};
use crate::{ExecutionFailure, Executor};

/// How much of a log is given at most, in bytes.
pub const MOST: u64 = 1024 * 1024;
/// How much is given where nobody says how much.
pub const USUAL: u64 = 64 * 1024;

/// How long a log is followed; the client then asks again.
const FOLLOWED: Duration = Duration::from_secs(600);
/// What is written in this time is told in one event.
const GATHERED: Duration = Duration::from_millis(50);
/// How often a log is looked at where its folder cannot be watched.
const LOOK: Duration = Duration::from_millis(500);
/// How long a log may be quiet before the client gets a sign of life, and the app a second look.
const QUIET: Duration = Duration::from_secs(5);
/// The most that is read at once while following.
const PART: u64 = 256 * 1024;

/// What the launcher writes between the app's own lines begins so.
const LAUNCHER: &str = "[conductor] ";
/// And so when it does not start the app again.
const STOPPED: &str = "[conductor] the app has stopped";

/// `GET /session/{id}/logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logs {
    /// The session.
    pub session_id: SessionId,
    /// The revision whose app wrote it.
    pub revision: u32,
    /// Standard output and error in order.
    pub logs: String,
    /// Whether there was more before.
    pub truncated: bool,
    /// Whether the app died so often that it is not started again.
    pub stopped: bool,
    /// What the caller should know.
    pub notices: Vec<String>,
    /// The place after the last byte that was read.
    #[serde(skip)]
    end: u64,
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// The end of the log of the live app, or of `revision`.
    pub async fn logs(
        &self,
        id: SessionId,
        revision: Option<u32>,
        tail: u64,
    ) -> Result<Logs, ExecutionFailure> {
        let session = session::load(self.outside, id).await?;
        self.logs_of(session, revision, tail).await
    }

    async fn logs_of(
        &self,
        session: Session,
        revision: Option<u32>,
        tail: u64,
    ) -> Result<Logs, ExecutionFailure> {
        let id = session.id;
        let revision = revision.or_else(|| shown_revision(&session));
        let revision = revision.ok_or(ExecutionFailure::NoApp(id))?;
        let mut logs = Logs {
            session_id: id,
            revision,
            logs: String::new(),
            truncated: false,
            stopped: false,
            notices: Vec::new(),
            end: 0,
        };
        let gone = "its sandbox is gone: these are the last lines that were kept";
        let Some(sandbox) = &session.sandbox else {
            logs.logs = session.output;
            logs.notices.push(gone.to_owned());
            return Ok(logs);
        };
        let path = log_path(revision);
        let client = self.client();
        let part = client.read_part(sandbox, &path, From::End(tail), MOST);
        match part.await {
            Ok(Some(part)) => {
                let first = (0..part.bytes.len().min(4)).find(|&at| part.bytes[at] & 0xC0 != 0x80);
                let whole = &part.bytes[first.unwrap_or(0)..complete(&part.bytes)];
                logs.logs = String::from_utf8_lossy(whole).into_owned();
                logs.truncated = part.start > 0;
                logs.stopped = says_stopped(&logs.logs);
                logs.end = part.start + complete(&part.bytes) as u64;
            }
            Ok(None) => {}
            Err(SandboxError::Gone(_)) => {
                logs.logs.clone_from(&session.output);
                logs.notices.push(gone.to_owned());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(logs)
    }

    /// The same as events: the end of the log first, then what comes, as long as the app is live.
    pub async fn follow_logs(
        &self,
        id: SessionId,
        revision: Option<u32>,
        tail: u64,
        events: &mut impl EventSink,
    ) -> Result<Logs, ExecutionFailure> {
        let timer = self.outside.timer();
        let begun = timer.elapsed();
        let session = session::load(self.outside, id).await?;
        let sandbox = session.sandbox.clone();
        // Before the first look, so that nothing is missed between the two.
        let folder = match &sandbox {
            Some(sandbox) => self.client().watch(sandbox, LOG_FOLDER).await.ok(),
            None => None,
        };
        let mut growth = Growth {
            folder,
            is_behind: false,
        };
        let logs = self.logs_of(session, revision, tail).await?;
        let path = log_path(logs.revision);
        let (text, mut end) = (logs.logs.clone(), logs.end);
        let mut told = events.emit(Event::Logs { text }).await;
        let mut looked = begun;
        while let (Ok(()), Some(sandbox)) = (told, &sandbox) {
            if timer.elapsed().saturating_sub(begun) > FOLLOWED {
                break;
            }
            if !growth.is_behind {
                self.until_it_grows(&mut growth, &path).await;
            }
            match self.grown(sandbox, &path, &mut end).await {
                Ok((text, is_behind)) => {
                    growth.is_behind = is_behind;
                    if !text.is_empty() {
                        told = events.emit(Event::Logs { text }).await;
                    }
                }
                Err(SandboxError::Gone(_)) => break,
                Err(error) => return Err(error.into()),
            }
            let now = timer.elapsed();
            if now.saturating_sub(looked) >= QUIET {
                looked = now;
                told = told.and(events.keep_alive().await);
                let session = session::load(self.outside, id).await?;
                let is_shown =
                    revision.is_some() || shown_revision(&session) == Some(logs.revision);
                if !is_shown || session.sandbox.as_ref() != Some(sandbox) {
                    break;
                }
            }
        }
        self.logs(id, Some(logs.revision), tail).await
    }

    /// Waits until something was written to a log, and then a moment for more; at most [`QUIET`].
    async fn until_it_grows<B: Body>(&self, growth: &mut Growth<B>, path: &str) {
        let timer = self.outside.timer();
        let Some(folder) = &mut growth.folder else {
            return timer.sleep(LOOK).await;
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        match timer.within(QUIET, folder.until(name)).await {
            Some(true) => {
                let more = async { while folder.until(name).await {} };
                timer.within(GATHERED, more).await;
            }
            // The watch has ended.
            Some(false) => growth.folder = None,
            None => {}
        }
    }

    /// What was added after `end`, which moves on; and whether there may be more already.
    async fn grown(
        &self,
        sandbox: &SandboxRef,
        path: &str,
        end: &mut u64,
    ) -> Result<(String, bool), SandboxError> {
        // One byte that is known comes first: if there is nothing, the log was cut and begins anew.
        let first = end.saturating_sub(1);
        let client = self.client();
        let part = client
            .read_part(sandbox, path, From::Byte(first), PART)
            .await?;
        let Some(part) = part else {
            *end = 0;
            return Ok((String::new(), false));
        };
        let is_full = part.bytes.len() as u64 >= PART;
        let known = usize::try_from(end.saturating_sub(part.start)).unwrap_or(0);
        let new = part.bytes.get(known..).unwrap_or_default();
        let new = &new[..complete(new)];
        *end += new.len() as u64;
        let text = String::from_utf8_lossy(new).into_owned();
        // A part that gives nothing new is not read again at once.
        let is_behind = is_full && !text.is_empty();
        Ok((text, is_behind))
    }
}

/// What is known of a log's growth.
#[derive(Debug)]
struct Growth<B> {
    /// Tells when something is written, where it can be watched.
    folder: Option<DirectoryWatch<B>>,
    /// The last read did not come to the log's end.
    is_behind: bool,
}

/// The live app's, or the newest.
fn shown_revision(session: &Session) -> Option<u32> {
    let newest = session.revisions.last().map(|last| last.revision);
    session.app.as_ref().map(|app| app.revision).or(newest)
}

/// Whether the launcher's last word is that the app has stopped.
fn says_stopped(logs: &str) -> bool {
    let mut lines = logs.lines().rev();
    let last = lines.find(|line| line.starts_with(LAUNCHER));
    last.is_some_and(|line| line.starts_with(STOPPED))
}

/// How many of the bytes are whole characters: the last may still be on its way.
fn complete(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let length = match bytes[bytes.len() - back] {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        return bytes.len() - if length > back { back } else { 0 };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_still_on_its_way_is_left_for_later() {
        let check = |bytes: &[u8], whole| assert_eq!(complete(bytes), whole, "{bytes:?}");
        check(b"", 0);
        check("aé".as_bytes(), 3);
        check(&"aé".as_bytes()[..2], 1);
        check(&"a€".as_bytes()[..3], 1);
        check(&"😀".as_bytes()[..3], 0);
        check(b"\xff", 1);
    }

    #[test]
    fn the_launchers_last_word_tells_whether_the_app_has_stopped() {
        let stopped = "x\n[conductor] the app has stopped: it ended 3 times\n";
        assert!(says_stopped(stopped));
        assert!(!says_stopped(&format!(
            "{stopped}[conductor] starting\ny\n"
        )));
        assert!(!says_stopped("hello\n"));
    }
}
