//! The life of a sandbox: it runs until its time is over, or is paused and waits.
//!
//! A paused sandbox keeps its processes, with their variables and open files, but none of them runs;
//! its time stands still. It cannot be spoken to: whoever wants it resumes it first, but for one
//! that was made to resume by itself. It keeps its memory, too, so it is not kept for ever.

use std::panic;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;
use tokio::sync::{Mutex, watch};

use crate::link::LinkError;
use crate::protocol::Request;
use crate::sandbox::Sandbox;

/// What traffic brings back lives at least this long, as on E2B's cloud.
const LEAST_AFTER_WAKING: Duration = Duration::from_secs(300);

/// What becomes of a sandbox whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTimeout {
    /// It ends.
    #[default]
    Kill,
    /// It is paused.
    Pause,
}

impl OnTimeout {
    /// As the control API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
        }
    }
}

/// Where a sandbox stands.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Nothing in it runs.
    pub paused: bool,
    /// When its time is over: it ends, or is paused.
    pub until: DateTime<Utc>,
    /// Which of the two; a paused one always ends.
    pub on_timeout: OnTimeout,
}

/// The changes of a sandbox's life.
pub(crate) struct Lifecycle {
    life: watch::Sender<Life>,
    /// How it is paused. Pausing and resuming take turns.
    turn: Mutex<Stillness>,
    /// As it was made.
    timeout: Duration,
}

/// How the processes of a paused sandbox are kept from running.
#[derive(Clone, Copy, Debug, Default)]
enum Stillness {
    /// By the kernel, as a group; they do not notice. The init stands still, too.
    #[default]
    Frozen,
    /// One by one, by a signal that the init sends.
    Stopped,
}

/// A sandbox could not be paused.
#[derive(Debug, Error)]
pub enum PauseError {
    /// It was paused before.
    #[error("the sandbox is already paused")]
    Already,
    /// Its time was extended meanwhile.
    #[error("the sandbox is to run on")]
    NotDue,
    /// The sandbox ended, or does not answer.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// A sandbox could not be resumed.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The sandbox ended, or does not answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Its control group.
    #[error("its control group cannot be thawed: {0}")]
    Thaw(#[from] std::io::Error),
}

impl Lifecycle {
    /// Of a sandbox that is made now.
    pub(crate) fn begin(now: DateTime<Utc>, timeout: Duration, on_timeout: OnTimeout) -> Self {
        Self {
            life: watch::Sender::new(Life {
                paused: false,
                until: after(now, timeout),
                on_timeout,
            }),
            turn: Mutex::default(),
            timeout,
        }
    }

    /// Tells when it changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Life> {
        self.life.subscribe()
    }
}

impl Sandbox {
    /// Where it stands now.
    pub fn life(&self) -> Life {
        *self.lifecycle.life.borrow()
    }

    /// Lets a running one live until then; `false` if it is paused.
    pub(crate) fn run_until(&self, until: DateTime<Utc>) -> bool {
        self.change(|life| !life.paused, |life| life.until = until)
    }

    /// Whoever connects never shortens the life of a sandbox that others use.
    pub(crate) fn run_at_least_until(&self, until: DateTime<Utc>) {
        self.change(
            |life| !life.paused && until > life.until,
            |life| life.until = until,
        );
    }

    /// Decides what becomes of it when its time is over.
    pub(crate) fn set_on_timeout(&self, on_timeout: OnTimeout) {
        self.change(|_| true, |life| life.on_timeout = on_timeout);
    }

    /// Stops everything in it, where it is. It ends after `keep` unless it is resumed.
    pub(crate) async fn pause(self: &Arc<Self>, keep: Duration) -> Result<(), PauseError> {
        let sandbox = self.clone();
        to_its_end(async move { sandbox.pause_if(keep, |_| true).await }).await
    }

    /// The same, unless its time was extended.
    pub(crate) async fn pause_when_due(self: &Arc<Self>, keep: Duration) -> Result<(), PauseError> {
        let sandbox = self.clone();
        let due = |life: Life| life.until <= Utc::now();
        to_its_end(async move { sandbox.pause_if(keep, due).await }).await
    }

    async fn pause_if(
        &self,
        keep: Duration,
        due: impl FnOnce(Life) -> bool,
    ) -> Result<(), PauseError> {
        let mut turn = self.lifecycle.turn.lock().await;
        match self.life() {
            life if life.paused => return Err(PauseError::Already),
            life if !due(life) => return Err(PauseError::NotDue),
            _ => {}
        }
        *turn = self.stop().await?;
        let until = after(Utc::now(), keep);
        self.lifecycle.life.send_modify(|life| {
            life.paused = true;
            life.until = until;
        });
        tracing::info!(sandbox.id = self.id, "sandbox {} paused", self.id);
        Ok(())
    }

    async fn stop(&self) -> Result<Stillness, LinkError> {
        match self.confinement.freeze().await {
            Ok(true) => return Ok(Stillness::Frozen),
            Ok(false) => {}
            Err(error) => tracing::debug!(
                sandbox.id = self.id, %error, "sandbox {} cannot be frozen, its processes are stopped", self.id
            ),
        }
        self.control.request(&Request::Suspend).await?;
        Ok(Stillness::Stopped)
    }

    /// Lets everything in it go on, for `timeout` or as long as it was made for; `false` if it was
    /// not paused.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        timeout: Option<Duration>,
    ) -> Result<bool, ResumeError> {
        let sandbox = self.clone();
        to_its_end(async move { sandbox.go_on(timeout).await }).await
    }

    async fn go_on(&self, timeout: Option<Duration>) -> Result<bool, ResumeError> {
        let turn = self.lifecycle.turn.lock().await;
        if !self.life().paused {
            return Ok(false);
        }
        match *turn {
            Stillness::Frozen => self.confinement.thaw()?,
            Stillness::Stopped => drop(self.control.request(&Request::Resume).await?),
        }
        let until = after(Utc::now(), timeout.unwrap_or(self.lifecycle.timeout));
        self.lifecycle.life.send_modify(|life| {
            life.paused = false;
            life.until = until;
        });
        tracing::info!(sandbox.id = self.id, "sandbox {} resumed", self.id);
        Ok(true)
    }

    /// Whether it can be spoken to; one that was made so is resumed for that.
    pub(crate) async fn wake(self: &Arc<Self>) -> bool {
        if !self.life().paused {
            return true;
        }
        let timeout = self.lifecycle.timeout.max(LEAST_AFTER_WAKING);
        self.profile.auto_resume
            && match self.resume(Some(timeout)).await {
                Ok(_) => true,
                Err(error) => {
                    tracing::warn!(
                        sandbox.id = self.id,
                        "cannot resume sandbox {}: {error}",
                        self.id
                    );
                    false
                }
            }
    }

    /// Waits while it is paused.
    pub(crate) async fn running(&self) {
        // The sender lives as long as the sandbox.
        let _ = self
            .lifecycle
            .subscribe()
            .wait_for(|life| !life.paused)
            .await;
    }

    fn change(&self, when: impl FnOnce(&Life) -> bool, how: impl FnOnce(&mut Life)) -> bool {
        self.lifecycle.life.send_if_modified(|life| {
            let wanted = when(life);
            if wanted {
                how(life);
            }
            wanted
        })
    }
}

/// Carries out what must not be left half done when the caller goes away and is dropped: a sandbox
/// that stands still while it is said to run.
async fn to_its_end<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(change).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            // The runtime itself ends.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A time from `start` on that chrono can express.
pub(crate) fn after(start: DateTime<Utc>, timeout: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(timeout)
        .ok()
        .and_then(|delta| start.checked_add_signed(delta))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
