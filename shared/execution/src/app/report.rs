//! What the launcher says, one JSON object a line.

use model::run::{ErrorKind, ExecutionError};
use serde::Deserialize;

/// One line of the launcher.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
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
    #[serde(deserialize_with = "failed")]
    Failed(ExecutionError),
    /// The app wrote something.
    Output {
        /// `stdout` or `stderr`.
        stream: String,
        /// What it wrote.
        text: String,
    },
    /// Something of no concern here.
    #[serde(other)]
    Other,
}

impl Report {
    /// Reads a line; one that is no report is shown as output rather than lost.
    pub(super) fn read(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_else(|_| Self::Output {
            stream: "stdout".to_owned(),
            text: format!("{}\n", String::from_utf8_lossy(line)),
        })
    }
}

fn failed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ExecutionError, D::Error> {
    #[derive(Deserialize)]
    struct Failure {
        name: String,
        #[serde(default)]
        value: String,
        #[serde(default)]
        traceback: String,
        line: Option<u32>,
        kind: Option<ErrorKind>,
    }
    let Failure {
        name,
        value,
        traceback,
        line,
        kind,
    } = Failure::deserialize(deserializer)?;
    Ok(ExecutionError {
        kind: kind.unwrap_or(ErrorKind::Raised),
        name,
        value,
        traceback,
        line,
    })
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
