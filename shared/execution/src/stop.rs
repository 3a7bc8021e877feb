//! A request that works learns that its session was asked to stop, whoever asked.
//!
//! The request to stop reaches another instance of a component, perhaps on another machine. It counts
//! up a number in the session's head, which says what was asked for, and writes a file in the sandbox,
//! which says when: whoever works watches for it by envd's own means, so nobody looks in vain.
//! Stopping means to drop the execution, which interrupts the kernel on every service that speaks
//! E2B's protocol; a second file tells those who asked.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use model::SessionId;
use model::dataset::Codec;
use model::ports::{Outside, Timer};
use model::run::{ErrorKind, ExecutionError};
use model::session::{self, SandboxRef, Session};

use crate::client::NewFile;
use crate::{ExecutionFailure, Executor};

/// Where requests to stop and their answers are written.
const FOLDER: &str = "/home/user/.conductor/stop";
const ASKED: &str = "asked";
const OBEYED: &str = "obeyed";

/// Shorter work does not begin to watch.
const SHORT: Duration = Duration::from_millis(400);
/// How often the head is looked at where the sandbox cannot be watched.
const LOOK: Duration = Duration::from_millis(400);
/// How long a request to stop waits for work that obeys: more than one look, and its way.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often it asks where the sandbox cannot be watched.
const ASK: Duration = Duration::from_millis(50);

/// Sees requests to stop that came after the work began.
pub(crate) struct StopWatch<'a> {
    /// Gives the number of the request.
    asking: Pin<Box<dyn Future<Output = u64> + 'a>>,
    asked: Option<u64>,
}

/// Why work was left before its end.
#[derive(Debug, PartialEq)]
pub(crate) enum CutShort {
    /// Its time is over.
    TimedOut,
    /// The session was asked to stop.
    Stopped,
}

impl StopWatch<'_> {
    /// Lets those who asked know that it is done.
    pub(crate) fn acknowledge(&self, head: &mut Session) {
        head.stops_obeyed = head.stops_obeyed.max(self.asked.unwrap_or(0));
    }
}

/// The outcome of work that was stopped on request.
pub(crate) fn interrupted() -> ExecutionError {
    let value = "interrupted on request; what was defined before is still there";
    ExecutionError::without_traceback(ErrorKind::Killed, "Interrupted", value)
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// Begins to watch a session that had been asked `before` times until then.
    pub(crate) fn stop_watch(
        &self,
        session: SessionId,
        before: u64,
        sandbox: &SandboxRef,
    ) -> StopWatch<'_> {
        StopWatch {
            asking: Box::pin(self.asked_to_stop(session, before, sandbox.clone())),
            asked: None,
        }
    }

    /// Waits until the session is asked to stop; gives the number of the request.
    async fn asked_to_stop(&self, session: SessionId, before: u64, sandbox: SandboxRef) -> u64 {
        let timer = self.outside.timer();
        timer.sleep(SHORT).await;
        let client = self.client();
        let mut watch = client.make_and_watch(&sandbox, FOLDER).await.ok();
        loop {
            let head = session::load(self.outside, session).await;
            match (&head, &mut watch) {
                (Ok(head), _) if head.stops_asked > before => return head.stops_asked,
                (Ok(_), Some(folder)) => {
                    if !folder.until(ASKED).await {
                        watch = None;
                    }
                }
                // A store that fails now is not a reason to end what runs.
                (Err(_), _) | (Ok(_), None) => timer.sleep(LOOK).await,
            }
        }
    }

    /// What `work` gives, unless `limit` passes or the session is asked to stop; it is then dropped.
    pub(crate) async fn unless_stopped<T>(
        &self,
        watch: &mut StopWatch<'_>,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, CutShort> {
        if watch.asked.is_some() {
            return Err(CutShort::Stopped);
        }
        if limit.is_zero() {
            return Err(CutShort::TimedOut);
        }
        let mut work = pin!(work);
        let first = poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            watch.asking.as_mut().poll(context).map(|asked| {
                watch.asked = Some(asked);
                Err(CutShort::Stopped)
            })
        });
        let first = self.outside.timer().within(limit, first).await;
        first.unwrap_or(Err(CutShort::TimedOut))
    }

    /// Tells those who asked, once the head says that the work has stopped.
    pub(crate) async fn tell_that_it_stopped(&self, watch: &StopWatch<'_>, sandbox: &SandboxRef) {
        if watch.asked.is_some() {
            // They look into the head before they give up, too.
            let _ = self.write_sign(sandbox, OBEYED).await;
        }
    }

    async fn write_sign(
        &self,
        sandbox: &SandboxRef,
        name: &str,
    ) -> Result<(), crate::client::SandboxError> {
        let path = format!("{FOLDER}/{name}");
        let sign = NewFile {
            path: &path,
            bytes: b"",
        };
        self.client().write_files(sandbox, &[sign]).await
    }

    /// Stops what runs or waits in a session; false if there was nothing.
    pub async fn interrupt(&self, id: SessionId) -> Result<bool, ExecutionFailure> {
        let timer = self.outside.timer();
        let now = timer.now();
        let head = session::update(self.outside, id, |head| {
            head.stops_asked += 1;
            head.touch(now);
        })
        .await?;
        let asked = head.stops_asked;
        let waiting = self.until_obeyed(id, asked, head.sandbox.as_ref());
        if let Some(obeyed) = timer.within(PATIENCE, waiting).await {
            return obeyed;
        }
        Ok(session::load(self.outside, id).await?.stops_obeyed >= asked)
    }

    /// Gives the sign in the sandbox, and waits for the one that answers it.
    async fn until_obeyed(
        &self,
        id: SessionId,
        asked: u64,
        sandbox: Option<&SandboxRef>,
    ) -> Result<bool, ExecutionFailure> {
        let client = self.client();
        let mut watch = None;
        if let Some(sandbox) = sandbox {
            watch = client.make_and_watch(sandbox, FOLDER).await.ok();
            // Whoever works and cannot watch looks into the head.
            let _ = self.write_sign(sandbox, ASKED).await;
        }
        loop {
            if session::load(self.outside, id).await?.stops_obeyed >= asked {
                return Ok(true);
            }
            match &mut watch {
                Some(folder) => {
                    if !folder.until(OBEYED).await {
                        watch = None;
                    }
                }
                None => self.outside.timer().sleep(ASK).await,
            }
        }
    }
}
