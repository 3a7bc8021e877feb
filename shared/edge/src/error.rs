//! The one table from domain errors to HTTP. `docs/api.md` shows it to callers.

use execution::ExecutionFailure;
use execution::client::SandboxError;
use llm::LlmError;
use model::dataset::DatasetError;
use model::id::InvalidId;
use model::ports::StoreError;
use model::record::RecordError;
use model::run::UnusableRequest;
use model::session::SessionError;
use profile::ProfileError;
use serde_json::{Value, json};

/// A request that failed: what the caller is told, and what only the log is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// The HTTP status.
    pub status: u16,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people: what happened, which value, what to do next.
    pub message: String,
    /// For the log only.
    pub detail: Option<String>,
    /// What `Allow` says with a 405.
    pub allow: Option<&'static str>,
    /// What `Retry-After` says, in seconds.
    pub retry_after: Option<u64>,
}

impl HttpError {
    /// An error with a status, a word for programs and a sentence for people.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: None,
            allow: None,
            retry_after: None,
        }
    }

    /// 400: the request itself is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    /// 404: nothing is there.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(404, "not_found", what)
    }

    /// 404: this component has no such address.
    pub fn no_route() -> Self {
        Self::not_found("there is nothing at this address: see /docs")
    }

    /// 405: another method is wanted.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("this address answers {allow} only");
        Self {
            allow: Some(allow),
            ..Self::new(405, "method_not_allowed", message)
        }
    }

    /// 413: the body is too large.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            413,
            "too_large",
            format!("the body is too large: the most is {limit} bytes"),
        )
    }

    /// 415: the body is of another kind.
    pub fn unsupported_media_type(content_type: &str) -> Self {
        let message =
            format!("`{content_type}` cannot be read here: send `content-type: application/json`");
        Self::new(415, "unsupported_media_type", message)
    }

    /// 422: well-formed, but nothing can be done with it.
    pub fn unusable(message: impl Into<String>) -> Self {
        Self::new(422, "unusable", message)
    }

    /// 500: our own fault; the caller gets no inner detail.
    pub fn internal(detail: impl Into<String>) -> Self {
        let message = "something went wrong on our side: try again, and tell the operator the request id if it stays";
        Self {
            detail: Some(detail.into()),
            ..Self::new(500, "internal", message)
        }
    }

    /// 503: only a model could do this, and none is configured.
    pub fn no_model() -> Self {
        let message = "no language model is configured, and the built-in planner does not understand this: set OPENAI_API_KEY (or OPENAI_BASE_URL to a model of your own), or name the inputs of an app and what it does with them";
        Self::new(503, "no_model", message)
    }

    /// The error's JSON document.
    pub fn document(&self, request_id: &str) -> Value {
        json!({"error": {"code": self.code, "message": self.message, "request_id": request_id}})
    }
}

impl From<serde_json::Error> for HttpError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_syntax() || error.is_eof() {
            return Self::new(
                400,
                "malformed_json",
                format!("the body is no JSON: {error}"),
            );
        }
        Self::new(400, "invalid_field", error.to_string())
    }
}

impl From<serde_path_to_error::Error<serde_json::Error>> for HttpError {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let path = error.path().to_string();
        let inner = Self::from(error.into_inner());
        if inner.code != "invalid_field" || path == "." {
            return inner;
        }
        let message = format!("field `{path}`: {}", inner.message);
        Self { message, ..inner }
    }
}

impl From<InvalidId> for HttpError {
    fn from(error: InvalidId) -> Self {
        Self::not_found(error.to_string())
    }
}

impl From<UnusableRequest> for HttpError {
    fn from(error: UnusableRequest) -> Self {
        match error {
            UnusableRequest::CodeTooLong(_) => Self::new(413, "too_large", error.to_string()),
            UnusableRequest::EmptyCode | UnusableRequest::NoApp => {
                Self::unusable(error.to_string())
            }
            UnusableRequest::Timeout(_) => Self::new(400, "invalid_field", error.to_string()),
        }
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<RecordError> for HttpError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Contended { .. } => Self::new(409, "busy", format!("{error}: try again")),
            RecordError::Absent { .. } => Self::not_found(error.to_string()),
            RecordError::Store(_) | RecordError::Unreadable { .. } => {
                Self::internal(error.to_string())
            }
        }
    }
}

impl From<SessionError> for HttpError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Unknown(_) => Self::not_found(error.to_string()),
            SessionError::Record(error) => error.into(),
        }
    }
}

impl From<DatasetError> for HttpError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Unknown(_) => Self::not_found(error.to_string()),
            DatasetError::Damaged { .. } => Self::new(410, "damaged", error.to_string()),
            DatasetError::Store(error) => error.into(),
            DatasetError::Record(error) => error.into(),
        }
    }
}

impl From<SandboxError> for HttpError {
    fn from(error: SandboxError) -> Self {
        let code = match &error {
            SandboxError::Gone(_) => "sandbox_gone",
            SandboxError::Unreachable(_) => "sandbox_unreachable",
            SandboxError::TimedOut { .. } => {
                return Self::new(504, "sandbox_timeout", error.to_string());
            }
            SandboxError::Refused { status: 429, .. } => {
                return Self::new(
                    429,
                    "sandbox_busy",
                    format!("{error}: try again in a minute"),
                );
            }
            SandboxError::Refused { .. } | SandboxError::KeyRefused => "sandbox_refused",
            SandboxError::Broken { .. } => "sandbox_broken",
        };
        Self::new(502, code, error.to_string())
    }
}

impl From<ExecutionFailure> for HttpError {
    fn from(error: ExecutionFailure) -> Self {
        match error {
            ExecutionFailure::Sandbox(error) => error.into(),
            ExecutionFailure::Session(error) => error.into(),
            ExecutionFailure::Dataset(error) => error.into(),
            ExecutionFailure::NoApp(_) => Self::unusable(error.to_string()),
            ExecutionFailure::Busy { .. } => Self::new(409, "busy", error.to_string()),
        }
    }
}

impl From<LlmError> for HttpError {
    fn from(error: LlmError) -> Self {
        let mut retry_after = None;
        let (status, code) = match &error {
            LlmError::TimedOut { .. } | LlmError::Silent { .. } => (504, "model_timeout"),
            LlmError::RateLimited {
                retry_after: pause, ..
            } => {
                retry_after = Some(pause.map_or(60, llm::whole_seconds));
                (429, "model_busy")
            }
            LlmError::KeyMissing { .. } | LlmError::KeyRefused { .. } => (502, "model_key_refused"),
            LlmError::OutOfQuota { .. } => (502, "model_quota"),
            LlmError::Address { .. }
            | LlmError::Unreachable { .. }
            | LlmError::NotAllowed { .. }
            | LlmError::NoApi { .. }
            | LlmError::Moved { .. } => (502, "model_unreachable"),
            LlmError::ModelUnknown { .. } => (502, "model_unknown"),
            LlmError::Refused { .. } => (502, "model_refused"),
            LlmError::Failing { .. } | LlmError::BrokenOff { .. } => (502, "model_failing"),
            LlmError::Unreadable { .. }
            | LlmError::TooLong { .. }
            | LlmError::Empty
            | LlmError::CutOff
            | LlmError::NoCode => (502, "model_unusable"),
            // These are about what was asked, so the caller can do something about them.
            LlmError::ContextTooLong { .. } => (422, "model_context"),
            LlmError::Declined { .. } => (422, "model_declined"),
            LlmError::BudgetSpent { .. } => (422, "model_budget"),
            // For the log: nobody reads it.
            LlmError::CallerGone => (499, "client_gone"),
        };
        Self {
            retry_after,
            ..Self::new(status, code, error.to_string())
        }
    }
}

impl From<ProfileError> for HttpError {
    fn from(error: ProfileError) -> Self {
        Self::new(422, "unreadable_data", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_json_and_wrong_fields_are_told_apart() {
        let syntax = serde_json::from_str::<Value>("{").expect_err("it is cut off");
        assert_eq!(HttpError::from(syntax).code, "malformed_json");
        let field = serde_json::from_str::<model::run::RunRequest>("{}").expect_err("no code");
        let error = HttpError::from(field);
        assert_eq!((error.status, error.code), (400, "invalid_field"));
        assert!(error.message.contains("`code`"), "{}", error.message);
    }

    #[test]
    fn an_internal_error_keeps_its_detail_for_the_log() {
        let error = HttpError::internal("disk /var/x is gone");
        assert!(!error.document("r1").to_string().contains("/var/x"));
        assert!(error.document("r1").to_string().contains("r1"));
    }
}
