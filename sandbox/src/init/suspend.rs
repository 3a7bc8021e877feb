//! Stopping everything in the sandbox but the init, and letting it go on.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::protocol::Isolation;

/// A process stops at its next turn at a processor, which a busy machine gives it late.
const STANDS_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(1);

/// Stops every process, and waits until all stand. None can refuse.
pub fn suspend(isolation: Isolation) -> io::Result<()> {
    if isolation == Isolation::Namespaces {
        signal_all(Signal::SIGSTOP)?;
    }
    let begun = Instant::now();
    let mut standing = BTreeSet::new();
    // One that was starting another one when the signal came still did: once it stands, its child is
    // there.
    loop {
        let mut reached = BTreeSet::new();
        signal_below(Pid::this(), Signal::SIGSTOP, &mut reached);
        let all_stand = reached.iter().all(|process| stands(*process));
        if all_stand && reached == standing || begun.elapsed() > STANDS_WITHIN {
            return Ok(());
        }
        standing = if all_stand { reached } else { BTreeSet::new() };
        std::thread::sleep(LOOK_AGAIN_AFTER);
    }
}

/// Lets every process go on.
pub fn resume(isolation: Isolation) -> io::Result<()> {
    match isolation {
        Isolation::Namespaces => signal_all(Signal::SIGCONT),
        Isolation::None => {
            signal_below(Pid::this(), Signal::SIGCONT, &mut BTreeSet::new());
            Ok(())
        }
    }
}

/// The kernel sends it to all at once: none can start another one between.
fn signal_all(signal: Signal) -> io::Result<()> {
    match kill(Pid::from_raw(-1), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether no thread of a process is at work. One that waits uninterruptibly may do so for a child
/// that is stopped.
fn stands(process: Pid) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return true;
    };
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        state.is_none_or(|state| "TtDZX".contains(state))
    })
}

/// Parents first, so that none starts another child once its children were looked at.
fn signal_below(parent: Pid, signal: Signal, reached: &mut BTreeSet<Pid>) {
    loop {
        let new: Vec<_> = children(parent)
            .into_iter()
            .filter(|child| reached.insert(*child))
            .collect();
        if new.is_empty() {
            return;
        }
        for child in new {
            // One that has ended meanwhile needs no signal.
            let _ = kill(child, signal);
            signal_below(child, signal, reached);
        }
    }
}

/// The children of a process.
pub fn children(parent: Pid) -> Vec<Pid> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{parent}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .map(Pid::from_raw)
                .collect::<Vec<_>>()
        })
        .collect()
}
