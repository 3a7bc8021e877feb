//! A request that works learns that its session was asked to stop, whoever asked.
//!
//! The request to stop reaches another instance of a component, perhaps on another machine, so it
//! goes by the store: it counts up a number in the session's head, and whoever works looks at that
//! number now and then. Stopping means to drop the execution, which interrupts the kernel on every
//! service that speaks E2B's protocol.

use std::pin::pin;
use std::time::Duration;

use model::SessionId;
use model::dataset::Codec;
use model::ports::{Outside, Timer};
use model::run::{ErrorKind, ExecutionError};
use model::session::{self, Session};

use crate::{ExecutionFailure, Executor};

/// How often a working request looks; shorter runs never do.
const LOOK: Duration = Duration::from_millis(400);
/// How long a request to stop waits for work that obeys: more than one look, and its way.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often it asks.
const ASK: Duration = Duration::from_millis(50);

/// Sees requests to stop that came after the work began.
#[derive(Debug)]
pub(crate) struct StopWatch {
    session: SessionId,
    /// What was asked before is none of our affair.
    before: u64,
    asked: Option<u64>,
    next_look: Duration,
}

/// Why work was left before its end.
#[derive(Debug, PartialEq)]
pub(crate) enum CutShort {
    /// Its time is over.
    TimedOut,
    /// The session was asked to stop.
    Stopped,
}

impl StopWatch {
    /// Begins to watch a session that had been asked `before` times until then.
    pub(crate) fn new(session: SessionId, before: u64, timer: &impl Timer) -> Self {
        Self {
            session,
            before,
            asked: None,
            next_look: timer.elapsed() + LOOK,
        }
    }

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
    /// What `work` gives, unless `limit` passes or the session is asked to stop; it is then dropped.
    pub(crate) async fn unless_stopped<T>(
        &self,
        watch: &mut StopWatch,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, CutShort> {
        let timer = self.outside.timer();
        let mut work = pin!(work);
        let deadline = timer.elapsed() + limit;
        loop {
            let now = timer.elapsed();
            let left = deadline.saturating_sub(now);
            if left.is_zero() {
                return Err(CutShort::TimedOut);
            }
            if now >= watch.next_look {
                watch.next_look = now + LOOK;
                // A store that fails now is not a reason to end what runs.
                if let Ok(head) = session::load(self.outside, watch.session).await
                    && head.stops_asked > watch.before
                {
                    watch.asked = Some(head.stops_asked);
                    return Err(CutShort::Stopped);
                }
            }
            let pause = left.min(watch.next_look.saturating_sub(now));
            if let Some(done) = timer.within(pause, work.as_mut()).await {
                return Ok(done);
            }
        }
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
        let give_up = timer.elapsed() + PATIENCE;
        while timer.elapsed() < give_up {
            timer.sleep(ASK).await;
            if session::load(self.outside, id).await?.stops_obeyed >= asked {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
