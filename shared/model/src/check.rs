//! What a check of a generated program finds.

use serde::{Deserialize, Serialize};

/// What is wrong, by a name that stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It is not Python.
    SyntaxError,
    /// A name that nothing defines.
    UndefinedName,
    /// An import of a package that is not installed.
    MissingPackage,
    /// A name that a library does not have (any more).
    RemovedName,
    /// A parameter that a library's function does not take (any more).
    UnknownParameter,
    /// A column that the data does not have.
    UnknownColumn,
    /// An operation that the data's type does not allow.
    WrongDtype,
    /// A file that is not there.
    MissingFile,
    /// Elements where the framework does not allow them.
    BadLayout,
    /// Runs or changes that set off one another without end, or state that is set too late.
    CircularState,
    /// Two elements that the framework cannot tell apart.
    DuplicateElement,
    /// The program, or a callback of it, does not come to its end.
    EndlessRun,
    /// It asks on a terminal, where nobody answers.
    InputCall,
    /// It ends its own process.
    ExitCall,
    /// It builds no app.
    NoApp,
    /// A page with nothing on it.
    RendersNothing,
    /// A limit of the sandbox was hit; the name says which.
    Limit,
    /// Its process was ended by a signal.
    Crash,
    /// Any other exception.
    #[serde(other)]
    Exception,
}

/// One thing that is wrong with a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The same in words, for whoever mends the program.
    pub message: String,
    /// The line of the program, from 1, where it is known.
    #[serde(default)]
    pub line: Option<u32>,
    /// The column in that line, from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// What it is about: a package, a name, a column, a file.
    #[serde(default)]
    pub name: Option<String>,
    /// What to use in its place, where that is known.
    #[serde(default)]
    pub replacement: Option<String>,
    /// Where it showed: a page, a widget, an endpoint; nothing for the first run.
    #[serde(default)]
    pub place: Option<String>,
    /// The traceback, if something was raised.
    #[serde(default)]
    pub traceback: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// What is wrong, by line; empty for a program that works.
    pub findings: Vec<Finding>,
    /// What was not checked, and why.
    pub notices: Vec<String>,
    /// Whether the check came to its end.
    pub complete: bool,
    /// The last of what the program wrote.
    pub output: String,
    /// How long it took.
    pub seconds: f64,
}

impl CheckReport {
    /// A check that came to no end, and so found nothing.
    pub fn unfinished(notice: String) -> Self {
        Self {
            findings: Vec::new(),
            notices: vec![notice],
            complete: false,
            output: String::new(),
            seconds: 0.0,
        }
    }

    /// Whether the program may be shown: it was checked, and nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.complete && self.findings.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_finding_of_a_newer_check_too() {
        let finding = r#"{"kind": "bad_taste", "message": "so many colours", "line": 3}"#;
        let finding: Finding = serde_json::from_str(finding).expect("a finding");
        assert_eq!(
            (finding.kind, finding.line),
            (FindingKind::Exception, Some(3))
        );
    }

    #[test]
    fn is_good_only_if_it_was_checked_to_the_end() {
        let mut report = CheckReport {
            findings: Vec::new(),
            notices: Vec::new(),
            complete: true,
            output: String::new(),
            seconds: 1.0,
        };
        assert!(report.is_good());
        report.complete = false;
        assert!(!report.is_good());
    }
}
