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
        let refused = || match self.confinement.processes_are_counted() {
            true => self.hit() == Some(Limit::Processes),
            // Nobody counts: it can only have been the limit.
            false => true,
        };
        match error.sign()? {
            Sign::Memory => Some(Limit::Memory),
            Sign::Disk => Some(Limit::Disk),
            // A thread's stack is memory: where no thread was refused, it was that.
            Sign::Thread if refused() => Some(Limit::Processes),
            Sign::Thread => Some(Limit::Memory),
            Sign::Fork if refused() => Some(Limit::Processes),
            Sign::Fork | Sign::Other => self.hit(),
        }
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
    Disk,
    Thread,
    Fork,
    /// Perhaps about a process that a limit has stopped.
    Other,
}

impl Raised<'_> {
    /// `None` for what no limit ever raises.
    fn sign(&self) -> Option<Sign> {
        let number = |number: i32| self.value.starts_with(&format!("[Errno {number}]"));
        let own = [
            "KeyboardInterrupt",
            "SyntaxError",
            "IndentationError",
            "NameError",
        ];
        Some(match self.name {
            // NumPy's and Arrow's have names of their own.
            name if name.ends_with("MemoryError") => Sign::Memory,
            name if own.contains(&name) => return None,
            _ if number(libc::ENOMEM) => Sign::Memory,
            _ if number(libc::ENOSPC) || number(libc::EDQUOT) => Sign::Disk,
            _ if self.value.contains("can't start new thread") => Sign::Thread,
            // The same number as of a socket that has nothing to read.
            _ if number(libc::EAGAIN) && self.traceback.contains("fork") => Sign::Fork,
            _ => Sign::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_shows_what_it_is_about() {
        let sign = |name, value| {
            let traceback = "os.fork()";
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
        assert_eq!(sign("CalledProcessError", "died"), Some(Sign::Other));
        assert_eq!(sign("KeyboardInterrupt", ""), None);
    }
}
