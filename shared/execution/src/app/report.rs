//! What the launcher says, one JSON object a line.

use model::json;
use model::run::{ErrorKind, ExecutionError};
use serde_json::{Map, Value};

/// One line of the launcher.
#[derive(Debug, PartialEq)]
pub(super) enum Report {
    /// The app answers 200 there.
    Ready {
        /// The port.
        port: u16,
        /// The path, which is `/` for all but mounted apps.
        path: String,
    },
    /// The launcher overruled something that the program asked for.
    Notice {
        /// What, and what it did instead.
        text: String,
    },
    /// The app raised, or never became one.
    Failed(ExecutionError),
    /// The app wrote something.
    Output {
        /// `stdout` or `stderr`.
        stream: String,
        /// What it wrote.
        text: String,
    },
    /// Something of no concern here.
    Other,
}

impl Report {
    /// Reads a line; one that is no report is shown as output rather than lost.
    pub(super) fn read(line: &[u8]) -> Self {
        let report = match json::read(line) {
            Ok(Value::Object(fields)) => Self::of(fields),
            _ => None,
        };
        report.unwrap_or_else(|| Self::Output {
            stream: "stdout".to_owned(),
            text: format!("{}\n", String::from_utf8_lossy(line)),
        })
    }

    /// Reads the fields of a report; `None` if they are those of something else.
    fn of(mut fields: Map<String, Value>) -> Option<Self> {
        let mut text = |name: &str| match json::take(&mut fields, name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Some(match text("event")?.as_str() {
            "ready" => Self::Ready {
                path: text("path")?,
                port: fields.get("port")?.as_u64()?.try_into().ok()?,
            },
            "notice" => Self::Notice {
                text: text("text")?,
            },
            "failed" => Self::Failed(ExecutionError {
                name: text("name")?,
                value: text("value").unwrap_or_default(),
                traceback: text("traceback").unwrap_or_default(),
                line: fields
                    .get("line")
                    .and_then(Value::as_u64)
                    .and_then(|line| line.try_into().ok()),
                kind: json::take(&mut fields, "kind")
                    .and_then(|kind| serde_json::from_value(kind).ok())
                    .unwrap_or(ErrorKind::Raised),
            }),
            "output" => Self::Output {
                stream: text("stream")?,
                text: text("text")?,
            },
            _ => Self::Other,
        })
    }
}

/// The launcher itself ended before the app answered.
pub(super) fn launcher_ended(how: &str, output: &str) -> ExecutionError {
    ExecutionError {
        kind: ErrorKind::Killed,
        name: "AppEnded".to_owned(),
        value: format!("the app ended before it answered ({how})"),
        traceback: output.to_owned(),
        line: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_launcher_says() {
        let check = |line: &str, report| assert_eq!(Report::read(line.as_bytes()), report);
        check(
            r#"{"event":"ready","port":7860,"path":"/","framework":"gradio","pid":3}"#,
            Report::Ready {
                port: 7860,
                path: "/".into(),
            },
        );
        check(r#"{"event":"starting"}"#, Report::Other);
        check(
            r#"{"event":"failed","name":"NameError","value":"x","traceback":"t","line":2}"#,
            Report::Failed(ExecutionError {
                kind: ErrorKind::Raised,
                name: "NameError".into(),
                value: "x".into(),
                traceback: "t".into(),
                line: Some(2),
            }),
        );
        let stray = Report::Output {
            stream: "stdout".into(),
            text: "hello\n".into(),
        };
        check("hello", stray);
    }
}
