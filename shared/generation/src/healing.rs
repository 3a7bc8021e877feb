//! When to go on mending, and when to give up.

use llm::prompts::source_line;
use model::check::{Finding, FindingKind};
use serde::Serialize;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The program works: show it.
    Live,
    /// Have it mended.
    Heal {
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// Try nothing more.
    GiveUp(GaveUp),
}

/// Why nothing more is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum GaveUp {
    /// Programs are only checked.
    #[error("it was not mended, because `heal_attempts` is 0")]
    Off,
    /// All attempts are used.
    #[error("gave up after {attempts} attempts to mend it (`heal_attempts`)")]
    Spent {
        /// How many there were.
        attempts: u32,
    },
    /// The same was found again after it was to be mended.
    #[error("gave up because the same came back after it was to be mended: {finding}")]
    Repeated {
        /// What came back.
        finding: String,
    },
    /// Answers are of no use, for the same reason each time.
    #[error("gave up because the model's answers were of no use: {reason}")]
    Useless {
        /// The reason.
        reason: String,
    },
    /// The model did not answer.
    #[error("it could not be mended: {reason}")]
    Model {
        /// Why.
        reason: String,
    },
    /// The session was asked to stop.
    #[error("it was not mended, because the session was asked to stop")]
    Stopped,
}

/// How often one finding may be given to the model to mend, while others vanish.
const PATIENCE: usize = 2;

/// The attempts to mend one program, and what came of them.
#[derive(Debug)]
pub struct Healing {
    limit: u32,
    attempts: u32,
    /// The findings that were to be mended so far, once for each time.
    asked: Vec<Mark>,
    /// How many there were the last time.
    count: usize,
    /// Why the last answer was of no use.
    useless: Option<String>,
}

/// A finding without what changes when the program moves around it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    kind: FindingKind,
    message: String,
    source: String,
}

impl Mark {
    fn of(finding: &Finding, code: &str) -> Self {
        let is_no_digit = |character: &char| !character.is_ascii_digit();
        // Which line of a loop runs at the end of time is chance.
        let line = finding
            .line
            .filter(|_| finding.kind != FindingKind::EndlessRun);
        Self {
            kind: finding.kind,
            message: finding.message.chars().filter(is_no_digit).collect(),
            source: source_line(code, line)
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }
}

impl Healing {
    /// At most so many attempts.
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            attempts: 0,
            asked: Vec::new(),
            count: usize::MAX,
            useless: None,
        }
    }

    /// What to do after a check of `code`.
    ///
    /// A finding that comes back ends it, unless fewer are left than before; one that came back twice
    /// ends it in any case.
    pub fn after_check(&mut self, code: &str, findings: &[Finding]) -> Next {
        self.useless = None;
        if findings.is_empty() {
            return Next::Live;
        }
        let mut marks: Vec<Mark> = Vec::new();
        for finding in findings {
            let mark = Mark::of(finding, code);
            let times = self.asked.iter().filter(|asked| **asked == mark).count();
            let is_stuck = times > 0 && findings.len() >= self.count;
            if (is_stuck || times >= PATIENCE) && self.attempts < self.limit {
                return Next::GiveUp(GaveUp::Repeated {
                    finding: crate::words::of_finding(finding),
                });
            }
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
        self.asked.append(&mut marks);
        self.count = findings.len();
        self.next()
    }

    /// What to do after an answer that is of no use, for this reason.
    pub fn after_useless(&mut self, reason: &str) -> Next {
        let is_the_same = self.useless.as_deref() == Some(reason);
        self.useless = Some(reason.to_owned());
        if is_the_same && self.attempts < self.limit {
            return Next::GiveUp(GaveUp::Useless {
                reason: reason.to_owned(),
            });
        }
        self.next()
    }

    /// How many attempts there may be.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    fn next(&mut self) -> Next {
        if self.limit == 0 {
            return Next::GiveUp(GaveUp::Off);
        }
        if self.attempts == self.limit {
            return Next::GiveUp(GaveUp::Spent {
                attempts: self.limit,
            });
        }
        self.attempts += 1;
        Next::Heal {
            attempt: self.attempts,
        }
    }
}

#[cfg(test)]
mod tests;
