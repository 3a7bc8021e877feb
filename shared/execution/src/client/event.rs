//! The lines of `/execute` (SANDBOX_PROTOCOL §2).

use model::json;
use model::run::ErrorKind;
use serde_json::{Map, Value};

/// One line of an execution.
#[derive(Debug, Clone, PartialEq)]
pub enum ExecutionEvent {
    /// It is this context's turn; carries the execution's number.
    Started(u64),
    /// Standard output.
    Stdout(String),
    /// Standard error.
    Stderr(String),
    /// A displayed value, as E2B's result object.
    Result(Value),
    /// The exception that ended it.
    Error {
        /// The exception's class.
        name: String,
        /// Its text.
        value: String,
        /// Its traceback.
        traceback: String,
        /// Which limit caused it; E2B's cloud never says.
        kind: Option<ErrorKind>,
    },
    /// A line that was too long to be read; what it said is lost.
    TooLong,
    /// It is over.
    End,
    /// Nothing that concerns us: a keepalive, or a line of a newer protocol.
    Other,
}

/// Reads one line; `None` if it is no JSON object with a `type`.
pub fn parse(line: &[u8]) -> Option<ExecutionEvent> {
    let Value::Object(mut fields) = json::read(line).ok()? else {
        return None;
    };
    let Some(Value::String(kind)) = json::take(&mut fields, "type") else {
        return None;
    };
    Some(match kind.as_str() {
        "number_of_executions" => {
            ExecutionEvent::Started(fields.get("execution_count").and_then(Value::as_u64)?)
        }
        "stdout" => ExecutionEvent::Stdout(text(&mut fields, "text")),
        "stderr" => ExecutionEvent::Stderr(text(&mut fields, "text")),
        "result" => {
            let told = fields.into_iter().filter(|(_, value)| !value.is_null());
            ExecutionEvent::Result(Value::Object(json::object(told)))
        }
        "error" => ExecutionEvent::Error {
            name: text(&mut fields, "name"),
            value: text(&mut fields, "value"),
            traceback: text(&mut fields, "traceback"),
            kind: json::take(&mut fields, "kind")
                .and_then(|kind| serde_json::from_value(kind).ok()),
        },
        // Where it did not end by itself, an error came before, and the connection may be cut after.
        "end_of_execution" | "unexpected_end_of_execution" => ExecutionEvent::End,
        _ => ExecutionEvent::Other,
    })
}

fn text(fields: &mut Map<String, Value>, name: &str) -> String {
    match json::take(fields, name) {
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => String::new(),
        Some(other) => json::write(&other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_the_lines_of_the_protocol() {
        let check = |line: Value, event| assert_eq!(parse(line.to_string().as_bytes()), event);
        check(
            json!({"type": "number_of_executions", "execution_count": 3}),
            Some(ExecutionEvent::Started(3)),
        );
        check(
            json!({"type": "stdout", "text": "é\n", "timestamp": "x"}),
            Some(ExecutionEvent::Stdout("é\n".into())),
        );
        check(
            json!({"type": "result", "is_main_result": true, "text": "2", "html": null}),
            Some(ExecutionEvent::Result(
                json!({"is_main_result": true, "text": "2"}),
            )),
        );
        let error = |kind| ExecutionEvent::Error {
            name: "MemoryError".into(),
            value: String::new(),
            traceback: String::new(),
            kind,
        };
        check(
            json!({"type": "error", "name": "MemoryError", "kind": "out_of_memory"}),
            Some(error(Some(ErrorKind::OutOfMemory))),
        );
        check(
            json!({"type": "error", "name": "MemoryError", "kind": "of a newer protocol"}),
            Some(error(None)),
        );
        check(json!({"type": "keepalive"}), Some(ExecutionEvent::Other));
        check(json!({"no": "type"}), None);
        assert_eq!(parse(b"\xff"), None);
    }
}
