//! Which limit was behind a failure.

use std::sync::Arc;

use super::Limit;
use crate::confinement::{Confinement, Counters};

/// Watches for limits that are hit from a moment on.
#[derive(Clone, Debug)]
pub struct Since {
    confinement: Arc<Confinement>,
    before: Counters,
}

impl Since {
    /// From now on.
    pub fn now(confinement: &Arc<Confinement>) -> Self {
        Self {
            confinement: confinement.clone(),
            before: confinement.counters(),
        }
    }

    /// The limit that stopped some process since, if one did.
    pub fn hit(&self) -> Option<Limit> {
        let now = self.confinement.counters();
        if now.oom_kills > self.before.oom_kills {
            Some(Limit::Memory)
        } else if now.refused_processes > self.before.refused_processes {
            Some(Limit::Processes)
        } else {
            None
        }
    }

    /// What that limit is called.
    pub fn text(&self) -> Option<String> {
        self.hit().map(|limit| self.confinement.limits.text(limit))
    }

    /// The limit that made a program raise this, if one did.
    pub fn behind(&self, error: &Raised<'_>) -> Option<Limit> {
        match error.sign()? {
            Sign::Memory => Some(Limit::Memory),
            // Where there is memory, the source was merely too deep.
            Sign::Parser => (!self.has_memory()).then_some(Limit::Memory),
            Sign::Disk => Some(Limit::Disk),
            Sign::Thread | Sign::Fork if self.refused() => Some(Limit::Processes),
            // A thread's stack is memory: where no thread was refused, it was that.
            Sign::Thread => Some(Limit::Memory),
            Sign::Fork => None,
            Sign::Child => self.hit(),
        }
    }

    fn refused(&self) -> bool {
        let now = self.confinement.counters();
        // Where nobody counts, it can only have been the limit.
        !self.confinement.processes_are_counted()
            || now.refused_processes > self.before.refused_processes
    }

    fn has_memory(&self) -> bool {
        let memory = self.confinement.memory();
        memory.charged.saturating_sub(memory.cache) < self.confinement.limits.memory / 2
    }
}

/// An exception, as a kernel tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Raised<'a> {
    /// Its class.
    pub name: &'a str,
    /// Its text.
    pub value: &'a str,
    /// Where it was raised.
    pub traceback: &'a str,
}

/// What an exception is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Memory,
    /// What Python calls a lack of memory where source nests too deeply for its parser, too.
    Parser,
    Disk,
    Thread,
    Fork,
    /// A process that was started failed. Of nothing else may it be said that the counters, which
    /// are those of the whole sandbox, explain it.
    Child,
}

/// Exceptions that a process raises which has lost another one.
const OF_A_LOST_CHILD: [&str; 13] = [
    "BrokenExecutor",
    "BrokenPipeError",
    "BrokenProcessPool",
    "CalledProcessError",
    "ChildProcessError",
    "ConnectionResetError",
    "EOFError",
    "ExitCode",
    "IncompleteReadError",
    // As torch, joblib and nbclient call it.
    "DeadKernelError",
    "ProcessExitedException",
    "ProcessRaisedException",
    "TerminatedWorkerError",
];

impl Raised<'_> {
    /// `None` for what no limit is behind.
    fn sign(&self) -> Option<Sign> {
        let number = |number: i32| self.value.starts_with(&format!("[Errno {number}]"));
        Some(match self.name {
            "MemoryError" if self.is_of_the_parser() => Sign::Parser,
            // NumPy's and Arrow's have names of their own.
            name if name.ends_with("MemoryError") => Sign::Memory,
            _ if number(libc::ENOMEM) => Sign::Memory,
            _ if number(libc::ENOSPC) || number(libc::EDQUOT) => {
                // Watches and terminals are counted by the machine.
                let about = format!("{} {}", self.value, self.last_line().unwrap_or_default());
                let of_the_machine = ["inotify", "openpty", "forkpty", "pty.fork", "ptmx"];
                if of_the_machine.iter().any(|what| about.contains(what)) {
                    return None;
                }
                Sign::Disk
            }
            _ if self.value.contains("can't start new thread") => Sign::Thread,
            // The same number as of a socket that has nothing to read.
            _ if number(libc::EAGAIN) && self.traceback.contains("fork") => Sign::Fork,
            name if OF_A_LOST_CHILD.contains(&name) => Sign::Child,
            // A worker of torch's, or whatever else tells how its process ended.
            _ if self.value.contains("SIGKILL") || self.value.contains("killed by signal") => {
                Sign::Child
            }
            _ => return None,
        })
    }

    /// Whether it was raised while source was compiled: the cell's own, which has no frame, or some
    /// that a program hands over.
    fn is_of_the_parser(&self) -> bool {
        self.value.is_empty()
            && self.last_line().is_none_or(|line| {
                ["eval(", "exec(", "compile("]
                    .iter()
                    .any(|call| calls(&line, call))
            })
    }

    /// The line of source that raised it, as far as the traceback tells.
    fn last_line(&self) -> Option<String> {
        let plain = without_colours(self.traceback);
        let line = plain
            .lines()
            .rfind(|line| line.starts_with('-') && line.contains("> "))?;
        let (_, line) = line.split_once("> ")?;
        Some(line.to_owned())
    }
}

/// Whether a line has this call of a built-in function; not of a method of the same name.
fn calls(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"._".contains(before))
    })
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once('m').map_or(part, |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_shows_what_it_is_about() {
        let sign = |name, value| {
            let traceback = "----> 1 os.fork()";
            Raised {
                name,
                value,
                traceback,
            }
            .sign()
        };
        assert_eq!(sign("MemoryError", ""), Some(Sign::Memory));
        assert_eq!(
            sign("_ArrayMemoryError", "Unable to allocate 1 TiB"),
            Some(Sign::Memory)
        );
        assert_eq!(
            sign("OSError", "[Errno 12] Cannot allocate memory"),
            Some(Sign::Memory)
        );
        assert_eq!(
            sign("OSError", "[Errno 28] No space left on device: 'x'"),
            Some(Sign::Disk)
        );
        assert_eq!(
            sign("RuntimeError", "can't start new thread"),
            Some(Sign::Thread)
        );
        assert_eq!(
            sign(
                "BlockingIOError",
                "[Errno 11] Resource temporarily unavailable"
            ),
            Some(Sign::Fork)
        );
        assert_eq!(sign("CalledProcessError", "died"), Some(Sign::Child));
        let text = "DataLoader worker (pid 7) is killed by signal: Killed.";
        assert_eq!(sign("RuntimeError", text), Some(Sign::Child));
        for name in ["KeyboardInterrupt", "KeyError", "SyntaxError", "TypeError"] {
            assert_eq!(sign(name, "'x'"), None, "{name}");
        }
    }

    #[test]
    fn the_line_that_raised_it_tells_more() {
        let sign = |name, value, line: &str| {
            let traceback = format!(
                "Traceback\n\u{1b}[32m----> \u{1b}[39m\u{1b}[32m1\u{1b}[39m {line}\n\n{name}: {value}"
            );
            let traceback = &traceback;
            Raised {
                name,
                value,
                traceback,
            }
            .sign()
        };
        let full = "[Errno 28] No space left on device";
        assert_eq!(sign("OSError", full, "os.write(1, b)"), Some(Sign::Disk));
        assert_eq!(sign("OSError", full, "open('empty')"), Some(Sign::Disk));
        assert_eq!(sign("OSError", full, "os.openpty()"), None);
        let watches = "[Errno 28] inotify watch limit reached";
        assert_eq!(sign("OSError", watches, "start()"), None);
        let deep = "\u{1b}[38;5;28meval\u{1b}[39m('-' * 100000)";
        assert_eq!(sign("MemoryError", "", deep), Some(Sign::Parser));
        for line in ["[0] * n", "model.eval()"] {
            assert_eq!(sign("MemoryError", "", line), Some(Sign::Memory), "{line}");
        }
    }
}
