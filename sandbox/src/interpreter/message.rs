//! From a kernel's broadcast messages to the lines of an answer.
//!
//! Read from raw JSON rather than `jupyter-protocol`'s types: the results carry MIME types those do
//! not know, and one odd message must not cost the others.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::output::Output;

/// A message of the kernel, as far as it is of interest.
#[derive(Debug)]
pub(crate) struct Message {
    /// `stream`, `execute_result`, `status`, …
    pub(crate) kind: String,
    /// Id of the request it belongs to.
    pub(crate) parent: String,
    date: String,
    content: Value,
}

#[derive(Default, Deserialize)]
struct Header {
    #[serde(default)]
    msg_id: String,
    #[serde(default)]
    msg_type: String,
    #[serde(default)]
    date: String,
}

impl Message {
    /// Reads header, parent header, metadata and content; `None` if it is no message.
    pub(crate) fn read(parts: &[Bytes]) -> Option<Self> {
        let [header, parent, _metadata, content, ..] = parts else {
            return None;
        };
        let header: Header = serde_json::from_slice(header).ok()?;
        let parent: Header = serde_json::from_slice(parent).unwrap_or_default();
        let content = serde_json::from_slice(content)
            // Python lets lone surrogates through, as bytes that are not UTF-8.
            .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(content)))
            .ok()?;
        Some(Self {
            kind: header.msg_type,
            parent: parent.msg_id,
            date: header.date,
            content,
        })
    }

    /// Whether the kernel is done with the request: every output of it came before.
    pub(crate) fn is_end(&self) -> bool {
        self.kind == "status" && self.content["execution_state"] == "idle"
    }

    /// The line it becomes, if it becomes one.
    pub(crate) fn into_output(mut self) -> Option<Output> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(match self.kind.as_str() {
            "execute_input" => Output::NumberOfExecutions {
                execution_count: self.content["execution_count"].as_u64().unwrap_or_default(),
            },
            "stream" if self.content["name"] == "stderr" => Output::Stderr {
                text: text(&self.content["text"]),
                timestamp: self.date,
            },
            "stream" => Output::Stdout {
                text: text(&self.content["text"]),
                timestamp: self.date,
            },
            "execute_result" | "display_data" => Output::Result {
                is_main_result: self.kind == "execute_result",
                forms: match self.content["data"].take() {
                    Value::Object(bundle) => forms(bundle),
                    _ => return None,
                },
            },
            "error" => Output::Error {
                name: text(&self.content["ename"]),
                value: text(&self.content["evalue"]),
                traceback: self.content["traceback"]
                    .as_array()
                    .map(|lines| lines.iter().filter_map(Value::as_str).collect())
                    .unwrap_or_default(),
                kind: None,
            },
            _ => return None,
        })
    }
}

/// The fields of a result from its MIME bundle.
fn forms(bundle: Map<String, Value>) -> Map<String, Value> {
    let mut forms = Map::new();
    let mut extra = Map::new();
    for (mime, value) in bundle {
        let name = match mime.as_str() {
            "text/plain" => "text",
            "text/html" => "html",
            "text/markdown" => "markdown",
            "image/svg+xml" => "svg",
            "image/png" => "png",
            "image/jpeg" => "jpeg",
            "application/pdf" => "pdf",
            "text/latex" => "latex",
            "application/json" => "json",
            "application/javascript" => "javascript",
            "e2b/data" => "data",
            "e2b/chart" => "chart",
            _ => {
                extra.insert(mime, value);
                continue;
            }
        };
        let value = match (name, value) {
            ("text", Value::String(text)) => Value::String(unquoted(text)),
            ("png" | "jpeg" | "pdf", Value::String(base64)) => {
                Value::String(base64.trim_end().to_owned())
            }
            (_, value) => value,
        };
        forms.insert(name.to_owned(), value);
    }
    if !extra.is_empty() {
        forms.insert("extra".to_owned(), Value::Object(extra));
    }
    forms
}

/// The value of a string is shown without its quotes, as E2B does.
fn unquoted(text: String) -> String {
    for quote in ['\'', '"'] {
        if text.len() >= 2
            && let Some(inner) = text
                .strip_prefix(quote)
                .and_then(|text| text.strip_suffix(quote))
        {
            return inner.to_owned();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, content: &str) -> Message {
        let header =
            format!(r#"{{"msg_id":"b","msg_type":"{kind}","date":"2026-11-21T10:00:00Z"}}"#);
        let parts =
            [&header, r#"{"msg_id":"a"}"#, "{}", content].map(|part| Bytes::from(part.to_owned()));
        Message::read(&parts).expect("a whole message")
    }

    fn line(kind: &str, content: &str) -> String {
        let output = read(kind, content)
            .into_output()
            .expect("a message that is shown");
        String::from_utf8(output.line().to_vec()).expect("JSON is UTF-8")
    }

    #[test]
    fn text_keeps_the_time_it_was_written_at() {
        assert_eq!(
            line("stream", r#"{"name":"stderr","text":"oh\n"}"#),
            "{\"type\":\"stderr\",\"text\":\"oh\\n\",\"timestamp\":\"2026-11-21T10:00:00Z\"}\n"
        );
    }

    #[test]
    fn a_result_has_a_field_for_each_form_and_extra_for_the_rest() {
        let content = r#"{"data":{"text/plain":"'a'","image/png":"iVBO\n","x/y":1}}"#;
        assert_eq!(
            line("execute_result", content),
            "{\"type\":\"result\",\"is_main_result\":true,\"extra\":{\"x/y\":1},\"png\":\"iVBO\",\"text\":\"a\"}\n"
        );
    }

    #[test]
    fn a_traceback_is_one_text() {
        assert_eq!(
            line(
                "error",
                r#"{"ename":"E","evalue":"v","traceback":["a\n","b"]}"#
            ),
            "{\"type\":\"error\",\"name\":\"E\",\"value\":\"v\",\"traceback\":\"a\\nb\"}\n"
        );
    }

    #[test]
    fn only_idle_ends_a_request() {
        assert!(read("status", r#"{"execution_state":"idle"}"#).is_end());
        assert!(!read("status", r#"{"execution_state":"busy"}"#).is_end());
    }

    #[test]
    fn a_text_of_one_quote_stays() {
        assert_eq!(unquoted("'".to_owned()), "'");
        assert_eq!(unquoted("'a' + 'b'".to_owned()), "a' + 'b");
    }
}
