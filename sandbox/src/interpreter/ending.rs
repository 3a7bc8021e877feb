//! The limits that an execution runs into, and how an engine ends under the code it runs.

use nix::sys::signal::Signal;

use super::output::Output;
use crate::limits::Limit;
use crate::limits::cause::{Raised, Since};
use crate::process::Exit;
use crate::sandbox::Sandbox;

/// Names the limits that one execution runs into.
pub(crate) struct Watch<'a> {
    sandbox: &'a Sandbox,
    since: Since,
}

impl<'a> Watch<'a> {
    /// From now on.
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        Self {
            sandbox,
            since: Since::now(&sandbox.confinement),
        }
    }

    /// An output; an error has the name of the limit that is behind it, if there is one.
    pub(crate) fn named(&self, mut output: Output) -> Output {
        if let Output::Error {
            name,
            value,
            traceback,
            kind: kind @ None,
        } = &mut output
        {
            let raised = Raised {
                name,
                value,
                traceback,
            };
            let limit = match self.since.behind(&raised) {
                Some(Limit::Disk) => self.sandbox.no_room(),
                // It says nothing about why the program it called failed.
                None if matches!(raised.name, "CalledProcessError" | "ExitCode") => {
                    self.sandbox.full_disk()
                }
                limit => limit,
            };
            if let Some(limit) = limit {
                *kind = Some(limit.kind());
                *value = self.sandbox.limits.text(limit);
            }
        }
        output
    }

    /// The limit that stopped some process, and what it is called.
    pub(crate) fn hit(&self) -> Option<(Limit, String)> {
        let limit = self.since.hit()?;
        Some((limit, self.sandbox.limits.text(limit)))
    }

    /// What a caller is told whose code went on without the process that a limit stopped.
    pub(crate) fn notice(&self) -> Option<Output> {
        let (_, text) = self.hit()?;
        Some(Output::notice(format!("a process was stopped: {text}\n")))
    }

    /// How the engine ended; `engine` is what a person calls it.
    pub(crate) fn ending(&self, engine: &str, exit: Exit, last_words: String) -> Ending {
        Ending::new(engine, exit, last_words, self)
    }
}

/// An execution that came to its end, with the engine alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// An error was told.
    pub(crate) failed: bool,
}

/// The end of an engine while code ran.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    name: &'static str,
    kind: &'static str,
    value: String,
    /// What it wrote last, a crash report as a rule.
    last_words: String,
    /// For whoever comes next; empty if he has nothing to know.
    pub(crate) notice: String,
}

impl Ending {
    fn new(engine: &str, exit: Exit, last_words: String, watch: &Watch<'_>) -> Self {
        let (name, kind, value) = match limit(exit, watch) {
            Some(limit) => (
                died_of(limit),
                limit.kind(),
                watch.sandbox.limits.text(limit),
            ),
            None if exit == Exit::Lost => (
                "UnexpectedEndOfExecution",
                "killed",
                "the sandbox ended while the code ran".to_owned(),
            ),
            None => (
                "KernelDied",
                "killed",
                format!(
                    "{engine} was ended by {} while the code ran: its variables are lost, the next run starts a fresh one",
                    describe(exit)
                ),
            ),
        };
        Self {
            name,
            kind,
            value,
            last_words,
            notice: String::new(),
        }
    }

    /// The service ends it, because of what it did: `why` goes on after `it`.
    pub(crate) fn stopped(engine: &str, why: &str, last_words: String) -> Self {
        Self {
            name: "KernelDied",
            kind: "killed",
            value: format!(
                "{engine} was ended while the code ran because it {why}: its variables are lost, the next run starts a fresh one"
            ),
            last_words,
            notice: String::new(),
        }
    }

    /// The code asked for it, which is its right; the next caller is told.
    pub(crate) fn wanted(notice: &str) -> Self {
        Self {
            name: "",
            kind: "",
            value: String::new(),
            last_words: String::new(),
            notice: notice.to_owned(),
        }
    }

    /// Whether the code asked for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.name.is_empty()
    }

    /// The line that tells of it.
    pub(crate) fn output(self) -> Output {
        Output::Error {
            name: self.name.to_owned(),
            value: self.value,
            traceback: self.last_words,
            kind: Some(self.kind),
        }
    }
}

/// The name of an error that no program raised, because the limit has ended it.
pub(crate) fn died_of(limit: Limit) -> &'static str {
    match limit {
        Limit::Memory => "OutOfMemory",
        Limit::Processes | Limit::Disk | Limit::Files => "KernelDied",
    }
}

fn limit(exit: Exit, watch: &Watch<'_>) -> Option<Limit> {
    match exit {
        Exit::Lost => None,
        // What writes to shared memory that has no room left gets this.
        Exit::Signal(libc::SIGBUS) if watch.sandbox.confinement.shared_memory_is_full() => {
            Some(Limit::Memory)
        }
        Exit::Signal(_) | Exit::Code(_) => watch.since.hit(),
    }
}

/// Says how a process ended, in words: `SIGSEGV (segmentation fault)`, `exit code 3`.
pub(crate) fn describe(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(number) => match Signal::try_from(number) {
            Ok(Signal::SIGSEGV) => "SIGSEGV (segmentation fault)".to_owned(),
            Ok(Signal::SIGBUS) => "SIGBUS (bus error)".to_owned(),
            Ok(Signal::SIGABRT) => "SIGABRT (abort)".to_owned(),
            Ok(Signal::SIGSYS) => "SIGSYS (a forbidden system call)".to_owned(),
            Ok(signal) => signal.to_string(),
            Err(_) => format!("signal {number}"),
        },
        Exit::Lost => "the end of the sandbox".to_owned(),
    }
}
