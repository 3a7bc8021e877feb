//! The memory limit of a sandbox where no control group can be made: the service looks, and kills
//! the largest process when all of them together have too much.
//!
//! What a process can take between two looks is bounded by its own limit of data.
//!
//! Only what processes have mapped is seen. The calls that make other memory are absent then (see
//! the seccomp filter of the init); files in `/dev/shm` and on a disk in memory come on top, each up to
//! its own size: half of the memory, and the disk. Not seen are pages of an anonymous shared mapping
//! that a program has put out of its own sight (`MADV_DONTNEED`).

use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};

use crate::confinement::Confinement;
use crate::process_tree;

/// From half of the limit on, it may be a matter of a blink.
const CLOSE: Duration = Duration::from_millis(25);
const FAR: Duration = Duration::from_millis(150);

/// Watches until the sandbox is gone.
pub async fn watch(confinement: Weak<Confinement>) {
    loop {
        let Some(confinement) = confinement.upgrade() else {
            return;
        };
        let limit = confinement.limits.memory;
        let looked = tokio::task::spawn_blocking(move || look(&confinement)).await;
        let Ok(used) = looked else {
            return;
        };
        tokio::time::sleep(if used > limit / 2 { CLOSE } else { FAR }).await;
    }
}

/// What is used now; at most the limit once this returns.
fn look(confinement: &Arc<Confinement>) -> u64 {
    let fork_server = confinement.fork_server();
    let mut programs = confinement.processes();
    if programs.is_empty() {
        return 0;
    }
    // Neither the init, nor what programs are forked from: that memory is the service's.
    programs.remove(0);
    programs.retain(|pid| Some(*pid) != fork_server);
    let used: u64 = programs.iter().map(|pid| process_tree::memory(*pid)).sum();
    if used <= confinement.limits.memory {
        return used;
    }
    // Programs that were forked from one another share much: now it has to be exact.
    let mut sizes: Vec<(u64, i32)> = programs
        .iter()
        .map(|pid| (process_tree::own_memory(*pid), *pid))
        .collect();
    let used: u64 = sizes.iter().map(|(size, _)| size).sum();
    if used <= confinement.limits.memory {
        return used;
    }
    sizes.sort_unstable();
    if let Some((_, largest)) = sizes.last() {
        kill(*largest, confinement);
    }
    used
}

fn kill(pid: i32, confinement: &Confinement) {
    let held = Pid::from_raw(pid)
        .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(held) = held else {
        return;
    };
    // Looked up again while it is held: the number may have become another's before.
    if confinement.processes().contains(&pid) {
        confinement.count_kill();
        let _ = rustix::process::pidfd_send_signal(&held, Signal::KILL);
    }
}
