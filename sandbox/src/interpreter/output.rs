//! What an execution says, one JSON object a line.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::ending::died_of;
use crate::clock;
use crate::limits::Limit;

/// One line of the answer to `/execute`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Output {
    /// The code is accepted; how many executions this context has seen.
    NumberOfExecutions { execution_count: u64 },
    /// Text the code wrote.
    Stdout { text: String, timestamp: String },
    /// Text the code, or the service about it, wrote as a warning.
    Stderr { text: String, timestamp: String },
    /// A value shown, in every form it has; the main one is the value of the last expression.
    Result {
        is_main_result: bool,
        #[serde(flatten)]
        forms: Map<String, Value>,
    },
    /// The code raised, or could not be run to its end. At most one an execution.
    Error {
        name: String,
        value: String,
        traceback: String,
        /// Absent if the code raised it of its own accord.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
    },
    /// Nothing happened for a while; only there to notice a caller that went away.
    Keepalive,
    /// Last line of an execution that was cut short; an `error` before it says why.
    UnexpectedEndOfExecution,
    /// Last line of an execution.
    EndOfExecution,
}

impl Output {
    /// Text of the service itself.
    pub(crate) fn notice(text: impl Into<String>) -> Self {
        Self::Stderr {
            text: text.into(),
            timestamp: now(),
        }
    }

    /// An error that no program raised.
    pub(crate) fn error(name: &str, value: impl Into<String>) -> Self {
        Self::Error {
            name: name.to_owned(),
            value: value.into(),
            traceback: String::new(),
            kind: None,
        }
    }

    /// An error that stands for a limit; `value` is the limit's text.
    pub(crate) fn of_limit(limit: Limit, value: String) -> Self {
        Self::Error {
            name: died_of(limit).to_owned(),
            value,
            traceback: String::new(),
            kind: Some(limit.kind()),
        }
    }

    /// The line, with its end.
    pub(crate) fn line(&self) -> Bytes {
        let mut line = serde_json::to_vec(self).expect("an output is plain data");
        line.push(b'\n');
        line.into()
    }
}

/// The time stamp of text that comes without one.
pub(crate) fn now() -> String {
    clock::rfc3339(chrono::Utc::now())
}
