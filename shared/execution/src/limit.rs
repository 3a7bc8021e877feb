//! A failure of the user's code is told from a limit that was hit.
//!
//! Our own sandbox service says which limit it was (`kind`, with the limit's own text). E2B's cloud
//! does not, so there it is inferred from the exception, and the size is asked for.

use model::ports::{Http, Timer};
use model::run::{ErrorKind, ExecutionError, line_in_traceback};
use model::session::SandboxRef;

use crate::client::{Client, Metrics, SandboxError};

/// Names that the interpreter gives to the end of a kernel under its code (SANDBOX_PROTOCOL §2).
const KERNEL_ENDED: [&str; 4] = [
    "WebSocketError",
    "ContextRestarting",
    "ExecutionAborted",
    "UnexpectedEndOfExecution",
];

/// What the sandbox said about a failed execution.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) traceback: String,
    pub(crate) kind: Option<ErrorKind>,
}

impl Raised {
    /// The outcome, as far as the sandbox itself knows it.
    pub(crate) fn into_error(self) -> ExecutionError {
        let ended = KERNEL_ENDED.contains(&self.name.as_str());
        let kind = match self.kind {
            Some(kind) => kind,
            None if ended => ErrorKind::Killed,
            None => ErrorKind::Raised,
        };
        // A line would make a limit look like a fault of that line.
        let line = (kind == ErrorKind::Raised)
            .then(|| line_in_traceback(&self.traceback, "<ipython-input"))
            .flatten();
        ExecutionError {
            kind,
            name: self.name,
            value: self.value,
            traceback: self.traceback,
            line,
        }
    }
}

/// The limit that an exception speaks of, where the service does not say it itself.
pub(crate) fn inferred(error: &ExecutionError) -> Option<ErrorKind> {
    let says = |text: &str| error.value.contains(text);
    match error.name.as_str() {
        "MemoryError" => Some(ErrorKind::OutOfMemory),
        "OSError" if says("[Errno 28]") || says("[Errno 122]") => Some(ErrorKind::DiskFull),
        "RuntimeError" if says("can't start new thread") => Some(ErrorKind::TooManyProcesses),
        "BlockingIOError" if says("[Errno 11]") && error.traceback.contains("fork") => {
            Some(ErrorKind::TooManyProcesses)
        }
        _ => None,
    }
}

/// The text of a limit, as our own service words it: `out of memory (512 MiB)`.
pub(crate) fn text(kind: ErrorKind, metrics: Option<&Metrics>) -> String {
    let (text, size) = match kind {
        ErrorKind::OutOfMemory => ("out of memory", metrics.map(|metrics| metrics.mem_total)),
        ErrorKind::DiskFull => ("disk full", metrics.map(|metrics| metrics.disk_total)),
        _ => ("too many processes", None),
    };
    match size.filter(|&size| size > 0) {
        Some(size) => format!("{text} ({})", size_text(size)),
        None => text.to_owned(),
    }
}

/// `1 GiB`, `1536 MiB`, as our own service says it; a size that is neither is rounded to MiB.
pub(crate) fn size_text(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    if bytes > 0 && bytes.is_multiple_of(GIB) {
        return format!("{} GiB", bytes / GIB);
    }
    format!("{} MiB", (bytes + MIB / 2) / MIB)
}

/// Names the limit of an error whose service did not.
pub(crate) async fn name_inferred<H: Http, T: Timer>(
    client: &Client<'_, H, T>,
    sandbox: &SandboxRef,
    error: &mut ExecutionError,
) {
    if error.kind == ErrorKind::Raised
        && let Some(kind) = inferred(error)
    {
        let metrics = client.metrics(sandbox).await.ok();
        error.kind = kind;
        error.value = text(kind, metrics.as_ref());
        error.line = None;
    }
}

/// Names the limit that ended an app at its start; `before` is how the sandbox was until then.
pub(crate) async fn name_of_app<H: Http, T: Timer>(
    client: &Client<'_, H, T>,
    sandbox: &SandboxRef,
    before: Option<Metrics>,
    error: &mut ExecutionError,
) {
    // A launcher that is ended with its app, or sees only a signal, cannot tell; the count is of the
    // whole sandbox, so an app that ended otherwise is none of it.
    let killed = match error.name.as_str() {
        "EarlyExit" => error.value.contains("SIGKILL"),
        name => name == "AppEnded",
    };
    if killed
        && let (Some(before), Ok(now)) = (before, client.metrics(sandbox).await)
        && now.oom_kills > before.oom_kills
    {
        error.kind = ErrorKind::OutOfMemory;
        error.name = "OutOfMemory".to_owned();
        error.traceback.clear();
    }
    if error.kind.is_limit() {
        error.value = text(error.kind, before.as_ref());
        error.line = None;
    }
}

/// The outcome, where the sandbox refuses a file because its disk is full.
pub(crate) async fn of_refusal<H: Http, T: Timer>(
    client: &Client<'_, H, T>,
    sandbox: &SandboxRef,
    refusal: &SandboxError,
) -> Option<ExecutionError> {
    let SandboxError::Refused { status: 507, .. } = refusal else {
        return None;
    };
    let metrics = client.metrics(sandbox).await.ok();
    let (kind, name) = (ErrorKind::DiskFull, "OSError");
    let value = text(kind, metrics.as_ref());
    Some(ExecutionError::without_traceback(kind, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(name: &str, value: &str, kind: Option<ErrorKind>) -> ExecutionError {
        let traceback = "Cell In[1], line 2\n".to_owned();
        let (name, value) = (name.to_owned(), value.to_owned());
        Raised {
            name,
            value,
            traceback,
            kind,
        }
        .into_error()
    }

    #[test]
    fn a_limit_has_no_line_and_an_exception_has() {
        let error = raised("ZeroDivisionError", "division by zero", None);
        assert_eq!((error.kind, error.line), (ErrorKind::Raised, Some(2)));
        let limit = Some(ErrorKind::OutOfMemory);
        let error = raised("MemoryError", "out of memory (512 MiB)", limit);
        assert_eq!((error.kind, error.line), (ErrorKind::OutOfMemory, None));
        let error = raised("UnexpectedEndOfExecution", "the kernel died", None);
        assert_eq!((error.kind, error.line), (ErrorKind::Killed, None));
    }

    #[test]
    fn the_limits_that_exceptions_speak_of() {
        let check = |name: &str, value: &str, kind| {
            assert_eq!(inferred(&raised(name, value, None)), kind, "{name} {value}");
        };
        check("MemoryError", "", Some(ErrorKind::OutOfMemory));
        let full = "[Errno 28] No space left on device";
        check("OSError", full, Some(ErrorKind::DiskFull));
        check("OSError", "[Errno 2] No such file or directory", None);
        let thread = "can't start new thread";
        check("RuntimeError", thread, Some(ErrorKind::TooManyProcesses));
        check("RuntimeError", "no", None);
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        let check = |bytes, text| assert_eq!(size_text(bytes), text);
        check(512 << 20, "512 MiB");
        check(1 << 30, "1 GiB");
        check(3 << 29, "1536 MiB");
        check(507_904_000, "484 MiB");
    }
}
