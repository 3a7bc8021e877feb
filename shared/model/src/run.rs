//! Running code: the request, what comes of it, and its events.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Framework, SessionId};

/// The most output that a reply carries, in bytes.
pub const OUTPUT_LIMIT: usize = 1024 * 1024;
/// The most code that a request may carry, in bytes.
pub const CODE_LIMIT: usize = 1024 * 1024;
/// The longest that a run may be allowed to take, in seconds.
pub const TIMEOUT_LIMIT_SECONDS: u32 = 600;

/// `POST /run_code/` and `POST /gradio_ui/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunRequest {
    /// The program.
    pub code: String,
    /// The session to go on with; a new one without it.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    /// How long the program may run; 60 if not said.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// Environment variables for this run.
    #[serde(default)]
    pub env: std::collections::BTreeMap<String, String>,
    /// What the app is built with, where the imports do not tell.
    #[serde(default)]
    pub framework: Option<Framework>,
}

/// A well-formed request that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableRequest {
    /// There is no code.
    #[error("`code` is empty: send the Python program to run")]
    EmptyCode,
    /// There is too much code.
    #[error("`code` has {0} bytes, the most is {CODE_LIMIT}")]
    CodeTooLong(usize),
    /// The time limit is out of range.
    #[error("`timeout_seconds` is {0}: it may be 1 to {TIMEOUT_LIMIT_SECONDS}")]
    Timeout(u32),
    /// No framework is imported.
    #[error(
        "`code` builds no Gradio or Streamlit app: import `gradio` or `streamlit` and build one, or use /run_code/ for plain Python"
    )]
    NoApp,
}

impl RunRequest {
    /// Checks what the types do not.
    pub fn check(&self) -> Result<(), UnusableRequest> {
        if self.code.trim().is_empty() {
            return Err(UnusableRequest::EmptyCode);
        }
        if self.code.len() > CODE_LIMIT {
            return Err(UnusableRequest::CodeTooLong(self.code.len()));
        }
        match self.timeout_seconds {
            Some(seconds) if !(1..=TIMEOUT_LIMIT_SECONDS).contains(&seconds) => {
                Err(UnusableRequest::Timeout(seconds))
            }
            _ => Ok(()),
        }
    }

    /// How long the program may run.
    pub fn timeout(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.timeout_seconds.unwrap_or(60).into())
    }

    /// What the app is built with: as said, else as the imports tell.
    pub fn app_framework(&self) -> Option<Framework> {
        self.framework
            .or_else(|| crate::framework::of_program(&self.code))
    }
}

/// How a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The program raised an exception.
    Raised,
    /// It took longer than it may.
    Timeout,
    /// It needed more memory than it may.
    OutOfMemory,
    /// Its process ended under it.
    Killed,
    /// It wrote more than it may.
    DiskFull,
    /// It started more processes than it may.
    TooManyProcesses,
}

impl ErrorKind {
    /// Whether a limit of the sandbox was hit: no line of the program is to blame.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Self::OutOfMemory | Self::DiskFull | Self::TooManyProcesses
        )
    }
}

/// A failure of the user's code: an outcome, not an error of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionError {
    /// How it failed.
    pub kind: ErrorKind,
    /// The exception's class, such as `ZeroDivisionError`.
    pub name: String,
    /// The exception's text.
    pub value: String,
    /// The traceback, without colours.
    pub traceback: String,
    /// The line of the program, from 1, where it is known.
    pub line: Option<u32>,
}

impl ExecutionError {
    /// A failure that has neither a traceback nor a line.
    pub fn without_traceback(kind: ErrorKind, name: &str, value: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            value: value.into(),
            traceback: String::new(),
            line: None,
        }
    }
}

/// What a run answers; source 1's four fields first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReply {
    /// Standard output and error in order, at most [`OUTPUT_LIMIT`] bytes.
    pub output: String,
    /// The address of the live app, if the code built one.
    pub url: Option<String>,
    /// The session to go on with.
    pub session_id: SessionId,
    /// `72 hours`.
    pub activity_duration: String,
    /// E2B result objects: one per displayed value, with a field per representation.
    pub results: Vec<Value>,
    /// Why the run failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ExecutionError>,
    /// What the caller should know, such as that variables are lost.
    pub notices: Vec<String>,
    /// The kernel's count of executions; absent for apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether output was left out.
    pub truncated: bool,
    /// What the app is built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<Framework>,
    /// The revision that the app's code became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
}

/// The line in the program that a traceback of its kernel ends in, if it names one.
///
/// IPython writes `Cell In[3], line 2`; Python itself `File "app.py", line 2`. The last mention
/// of the program is the innermost.
pub fn line_in_traceback(traceback: &str, file: &str) -> Option<u32> {
    let of_program = |line: &&str| line.contains("Cell In[") || line.contains(file);
    traceback.lines().rev().filter(of_program).find_map(|line| {
        let digits = line.split_once(", line ")?.1;
        let end = digits
            .find(|digit: char| !digit.is_ascii_digit())
            .unwrap_or(digits.len());
        digits[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> RunRequest {
        serde_json::from_str(json).expect("the request is well-formed")
    }

    #[test]
    fn says_what_is_wrong_with_a_request() {
        let check = |json: &str| request(json).check().map_err(|error| error.to_string());
        assert_eq!(check(r#"{"code":"print(1)"}"#), Ok(()));
        for (json, word) in [
            (r#"{"code":" \n"}"#, "empty"),
            (r#"{"code":"1","timeout_seconds":0}"#, "1 to 600"),
            (r#"{"code":"1","timeout_seconds":601}"#, "601"),
        ] {
            assert!(check(json).is_err_and(|text| text.contains(word)), "{json}");
        }
    }

    #[test]
    fn finds_the_programs_own_line_in_a_traceback() {
        let ipython = "ZeroDivisionError  Traceback (most recent call last)\nCell In[1], line 2\n----> 2 1/0\n";
        assert_eq!(line_in_traceback(ipython, "app.py"), Some(2));
        let nested = "  File \"/home/user/app_1.py\", line 7, in <module>\n  File \"/usr/lib/json.py\", line 99, in loads\n";
        assert_eq!(line_in_traceback(nested, "app_1.py"), Some(7));
        assert_eq!(line_in_traceback("no idea", "app.py"), None);
    }
}
