//! Stopping everything in the sandbox but the init, and letting it go on.

use std::collections::BTreeSet;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::protocol::Isolation;

/// Stops every process. None can refuse.
pub fn suspend(isolation: Isolation) -> io::Result<()> {
    signal_all(isolation, Signal::SIGSTOP)
}

/// Lets every process go on.
pub fn resume(isolation: Isolation) -> io::Result<()> {
    signal_all(isolation, Signal::SIGCONT)
}

fn signal_all(isolation: Isolation, signal: Signal) -> io::Result<()> {
    match isolation {
        // The kernel sends it to all at once: none can start another one between.
        Isolation::Namespaces => match kill(Pid::from_raw(-1), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        },
        Isolation::None => {
            let mut reached = BTreeSet::new();
            signal_below(Pid::this(), signal, &mut reached);
            Ok(())
        }
    }
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
