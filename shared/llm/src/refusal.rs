//! What a server says instead of an answer: OpenAI's form of an error, and its many imitations.

use model::json;
use serde_json::Value;

use crate::{LlmConfig, LlmError};

/// The most that is told of what a server said.
const MESSAGE_LENGTH: usize = 300;

/// An error as a server told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status, or the one that an error within a stream amounts to.
    pub(crate) status: u16,
    /// In the server's words, shortened and without the key.
    pub(crate) message: String,
    /// OpenAI's `code` and `type`, in lower case.
    kind: String,
    /// OpenAI's `param`: the field of the request that it dislikes.
    param: String,
    /// Whether it was in a form of the API's at all.
    is_of_the_api: bool,
}

impl Refusal {
    /// Reads the body of an answer with an error status.
    pub(crate) fn of_body(status: u16, body: &[u8], config: &LlmConfig) -> Self {
        let text = String::from_utf8_lossy(body);
        if let Ok(value) = json::read(text.as_bytes())
            && let Some(refusal) = Self::of_json(Some(status), &value, config)
        {
            return refusal;
        }
        Self {
            status,
            message: described(&text, config),
            kind: String::new(),
            param: String::new(),
            is_of_the_api: false,
        }
    }

    /// Reads an error document; `None` if it is none. Without a status the error came in a stream.
    pub(crate) fn of_json(status: Option<u16>, value: &Value, config: &LlmConfig) -> Option<Self> {
        // Gemini wraps the document in a list.
        let value = value.get(0).unwrap_or(value);
        let error = match &value["error"] {
            Value::Null if status.is_some() || value["object"] == "error" => value,
            Value::Null | Value::Bool(false) => return None,
            error => error,
        };
        let message = [error, &error["message"], &error["detail"], &error["type"]]
            .into_iter()
            .find_map(Value::as_str)
            .map_or_else(|| json::write(error), str::to_owned);
        let word = |name: &str| match &error[name] {
            Value::String(word) => word.to_lowercase(),
            _ => String::new(),
        };
        let kind = format!("{} {}", word("code"), word("type"));
        let code = error["code"].as_u64().or_else(|| error["status"].as_u64());
        let code = code.and_then(|code| u16::try_from(code).ok());
        Some(Self {
            status: status.unwrap_or_else(|| {
                code.filter(|code| (400..600).contains(code))
                    .unwrap_or_else(|| status_of(&kind))
            }),
            message: said(&message, config),
            kind,
            param: word("param"),
            is_of_the_api: true,
        })
    }

    /// An error of a stream whose data is no JSON.
    pub(crate) fn of_text(text: &str, config: &LlmConfig) -> Self {
        Self {
            status: 500,
            message: described(text, config),
            kind: String::new(),
            param: String::new(),
            is_of_the_api: false,
        }
    }

    /// Whether the same request may have more luck a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        let again = matches!(self.status, 408 | 409 | 429 | 500..=599);
        // OpenAI's "not implemented" and an empty account do not pass.
        again && self.status != 501 && !self.is_out_of_quota()
    }

    /// Whether it is about this field of the request.
    pub(crate) fn is_about(&self, field: &str) -> bool {
        let is_refused = matches!(self.status, 400 | 404 | 422 | 501);
        is_refused && !self.is_about_length() && {
            let message = self.message.to_lowercase().replace("upstream", "");
            self.param == field || message.contains(field)
        }
    }

    fn is_out_of_quota(&self) -> bool {
        self.kind.contains("insufficient_quota") || self.status == 402
    }

    fn is_about_length(&self) -> bool {
        let message = self.message.to_lowercase();
        let words = [
            "context length",
            "context_length",
            "context window",
            "context size",
            "maximum context",
            "prompt is too long",
            "too many tokens",
            "input is too long",
        ];
        self.status == 413
            || self.kind.contains("context_length")
            || words.iter().any(|word| message.contains(word))
    }

    fn is_about_the_model(&self) -> bool {
        let message = self.message.to_lowercase();
        self.kind.contains("model_not_found")
            || self.param == "model"
            || (self.status == 404 && self.is_of_the_api && message.contains("model"))
            || (message.contains("model") && message.contains("does not exist"))
    }

    /// The error to tell after so many attempts, asking for `model`.
    pub(crate) fn into_error(self, attempts: u32, model: &str, config: &LlmConfig) -> LlmError {
        let url = config.shown_url();
        let Self {
            status, message, ..
        } = self.clone();
        let model = config.api_key.hidden_in(model);
        match status {
            _ if self.is_out_of_quota() => LlmError::OutOfQuota { message },
            // A model that the key may not use is told apart from a wrong key.
            403 if self.is_about_the_model() => LlmError::ModelUnknown {
                model,
                url,
                message,
            },
            401 | 403 if config.api_key.is_empty() => LlmError::KeyMissing { url },
            401 | 403 => LlmError::KeyRefused { url, status },
            429 => LlmError::RateLimited {
                message,
                retry_after: None,
            },
            400 | 413 | 422 | 500 if self.is_about_length() => {
                LlmError::ContextTooLong { model, message }
            }
            _ if self.kind.contains("content_filter") || self.kind.contains("content_policy") => {
                LlmError::Declined { message }
            }
            400..=499 if self.is_about_the_model() => LlmError::ModelUnknown {
                model,
                url,
                message,
            },
            404 | 405 => LlmError::NoApi { url, status },
            _ if self.is_passing() => LlmError::Failing {
                attempts,
                status,
                message,
            },
            _ => LlmError::Refused { status, message },
        }
    }
}

/// The status that an error within a stream would have had as an answer.
fn status_of(kind: &str) -> u16 {
    let words = [
        ("rate_limit", 429),
        ("quota", 429),
        ("api_key", 401),
        ("authentication", 401),
        ("permission", 403),
        ("not_found", 404),
        ("context_length", 400),
        ("content", 400),
        ("invalid", 400),
    ];
    let found = words.into_iter().find(|(word, _)| kind.contains(word));
    found.map_or(500, |(_, status)| status)
}

/// What a server said that does not speak the API.
pub(crate) fn described(text: &str, config: &LlmConfig) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "no reason given".to_owned();
    }
    if text.starts_with('<') {
        return "an HTML page".to_owned();
    }
    said(text, config)
}

/// Somebody else's words, in one line, shortened, and without the key or what is left of it: OpenAI
/// quotes a wrong key with asterisks in its middle.
pub(crate) fn said(text: &str, config: &LlmConfig) -> String {
    let hidden = config.api_key.hidden_in(text);
    let words = hidden
        .split_whitespace()
        .map(|word| if word.contains("**") { "***" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    let line: String = line
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    if line.chars().count() <= MESSAGE_LENGTH {
        return line;
    }
    let short: String = line.chars().take(MESSAGE_LENGTH).collect();
    format!("{short}…")
}
