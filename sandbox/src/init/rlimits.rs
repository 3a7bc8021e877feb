//! Limits of each process: a second layer, and the only one where there is no control group.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;

use super::{Step, StepError};
use crate::protocol::{Isolation, Rlimits};

/// Kept in the kernel's memory by no more than a little of this each.
const LOCKED_BYTES: u64 = 1 << 20;
const QUEUE_BYTES: u64 = 800 << 10;
const PENDING_SIGNALS: u64 = 4096;

/// What everything started from here on inherits. Returns how many files a program may have open.
pub fn settle(rlimits: &Rlimits, isolation: Isolation) -> Result<u64, StepError> {
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    let mut limits = vec![
        (Resource::RLIMIT_CORE, 0, "forbid core dumps"),
        (Resource::RLIMIT_DATA, rlimits.data, "limit data"),
        (
            Resource::RLIMIT_MEMLOCK,
            LOCKED_BYTES,
            "limit locked memory",
        ),
        (
            Resource::RLIMIT_MSGQUEUE,
            QUEUE_BYTES,
            "limit message queues",
        ),
        (
            Resource::RLIMIT_SIGPENDING,
            PENDING_SIGNALS,
            "limit pending signals",
        ),
    ];
    // Counted for each user of each user namespace: without one of its own, a sandbox would pay for
    // all that this user runs.
    if isolation == Isolation::Namespaces {
        limits.push((Resource::RLIMIT_NPROC, rlimits.processes, "limit processes"));
    }
    for (resource, limit, step) in limits {
        let (_, most) = getrlimit(resource).step(step)?;
        // More than the service itself has, nobody may give.
        let limit = limit.min(most);
        setrlimit(resource, limit, limit).step(step)?;
    }
    // The init keeps all it can get. The kernel lets a process pass descriptors on while those under
    // way, of all processes of its user outside, are no more than this limit of its own: programs that
    // leave many under way must stop at their limit, far from the init's.
    let step = "limit open files";
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).step(step)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).step(step)?;
    Ok(rlimits.open_files.min(most))
}
