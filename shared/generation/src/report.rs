//! What was tried, for whoever reads the reply.

use llm::Usage;
use model::check::{Finding, FindingKind};
use model::run::{ErrorKind, ExecutionError};
use serde::Serialize;
use serde_json::json;

use crate::Form;

/// What was asked of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// To write the program.
    Code,
    /// To mend it.
    Heal,
}

/// One answer of the model, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptReport {
    /// Its number, from 1.
    pub attempt: u32,
    /// What was asked.
    pub asked: Task,
    /// In which form the program came; nothing if there was none.
    pub form: Option<Form>,
    /// What is wrong with the program.
    pub findings: Vec<Finding>,
    /// Why the answer was of no use, or why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What was not checked, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Tokens of the answer, if the server tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How long it took: the answer, the check and the start.
    pub seconds: f64,
}

impl AttemptReport {
    pub(crate) fn new(attempt: u32, asked: Task) -> Self {
        Self {
            attempt,
            asked,
            form: None,
            findings: Vec::new(),
            problem: None,
            notices: Vec::new(),
            usage: None,
            seconds: 0.0,
        }
    }
}

/// What fails, as other routes tell it.
pub(crate) fn error_of(finding: &Finding) -> ExecutionError {
    let kind = match (finding.kind, finding.name.as_deref()) {
        (FindingKind::EndlessRun, _) => ErrorKind::Timeout,
        (FindingKind::Limit, Some("out_of_memory")) => ErrorKind::OutOfMemory,
        (FindingKind::Limit, Some("disk_full")) => ErrorKind::DiskFull,
        (FindingKind::Limit, Some("too_many_processes")) => ErrorKind::TooManyProcesses,
        (FindingKind::Limit | FindingKind::Crash, _) => ErrorKind::Killed,
        _ => ErrorKind::Raised,
    };
    ExecutionError {
        kind,
        name: json!(finding.kind).as_str().unwrap_or_default().to_owned(),
        value: finding.message.clone(),
        traceback: finding.traceback.clone().unwrap_or_default(),
        line: finding.line,
    }
}

/// An app that does not start is a finding, too.
pub(crate) fn finding_of(error: &ExecutionError) -> Finding {
    let (kind, name) = match error.kind {
        ErrorKind::Raised => (FindingKind::Exception, None),
        ErrorKind::Timeout => (FindingKind::EndlessRun, None),
        ErrorKind::Killed => (FindingKind::Crash, None),
        limit => (FindingKind::Limit, json!(limit).as_str().map(str::to_owned)),
    };
    Finding {
        kind,
        message: format!("{}: {}", error.name, error.value),
        line: error.line,
        column: None,
        name,
        replacement: None,
        place: Some("the start of the app".to_owned()),
        traceback: (!error.traceback.is_empty()).then(|| error.traceback.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_stays_that_limit_on_its_way_to_the_model_and_back() {
        for kind in [
            ErrorKind::OutOfMemory,
            ErrorKind::DiskFull,
            ErrorKind::TooManyProcesses,
        ] {
            let error =
                ExecutionError::without_traceback(kind, "MemoryError", "out of memory (1 GiB)");
            let finding = finding_of(&error);
            assert_eq!(finding.kind, FindingKind::Limit);
            assert_eq!(error_of(&finding).kind, kind);
        }
    }

    #[test]
    fn a_finding_names_its_kind_and_line() {
        let error = ExecutionError {
            line: Some(3),
            ..ExecutionError::without_traceback(ErrorKind::Raised, "ValueError", "no")
        };
        let told = error_of(&finding_of(&error));
        assert_eq!((told.name.as_str(), told.line), ("exception", Some(3)));
        assert_eq!(told.value, "ValueError: no");
    }
}
