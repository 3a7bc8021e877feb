//! What a long request tells while it works.

use serde::Serialize;
use serde_json::Value;

use crate::SessionId;
use crate::run::ExecutionError;

/// One event of a stream; its `type` is the name of the SSE event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Work began in this session.
    Started {
        /// The session.
        session_id: SessionId,
    },
    /// A step of longer work began.
    Progress {
        /// Its name, such as `sandbox` or `code`.
        step: &'static str,
        /// A sentence for a person.
        message: String,
    },
    /// More of what a model writes, as it writes it.
    CodeDelta {
        /// The text.
        text: String,
    },
    /// More of a specification that a model writes, as it writes it.
    TextDelta {
        /// The text.
        text: String,
    },
    /// Standard output.
    Stdout {
        /// The text.
        text: String,
    },
    /// Standard error.
    Stderr {
        /// The text.
        text: String,
    },
    /// What an app wrote after its start.
    Logs {
        /// The text.
        text: String,
    },
    /// A displayed value: an E2B result object.
    Result {
        /// The result object.
        result: Value,
    },
    /// The user's code failed.
    Error {
        /// How.
        error: ExecutionError,
    },
}

impl Event {
    /// The name of the SSE event.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Progress { .. } => "progress",
            Self::CodeDelta { .. } => "code_delta",
            Self::TextDelta { .. } => "text_delta",
            Self::Stdout { .. } => "stdout",
            Self::Stderr { .. } => "stderr",
            Self::Logs { .. } => "logs",
            Self::Result { .. } => "result",
            Self::Error { .. } => "error",
        }
    }
}

/// The client went away: nobody reads the events any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client went away")]
pub struct ClientGone;

/// Where events go: to the client as they happen, or nowhere when it asked for one document.
#[expect(
    async_fn_in_trait,
    reason = "components are single-threaded: no Send bound is wanted"
)]
pub trait EventSink {
    /// Tells the client. After `ClientGone` further events are dropped silently.
    async fn emit(&mut self, event: Event) -> Result<(), ClientGone>;

    /// Shows the client that work goes on, and finds out whether it is still there.
    async fn keep_alive(&mut self) -> Result<(), ClientGone>;
}

/// Keeps events in memory, for tests.
#[cfg(any(test, feature = "fakes"))]
impl EventSink for Vec<Event> {
    async fn emit(&mut self, event: Event) -> Result<(), ClientGone> {
        self.push(event);
        Ok(())
    }

    async fn keep_alive(&mut self) -> Result<(), ClientGone> {
        Ok(())
    }
}
