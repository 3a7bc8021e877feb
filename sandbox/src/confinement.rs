//! What holds one sandbox to its limits, and knows what it uses.
//!
//! Its control group ([`cgroup`](crate::cgroup)) as far as the machine has one, and limits of each
//! process ([`Rlimits`]) always: as a second layer, or in place of what the group lacks. Memory
//! without a group is watched ([`memory_watch`](crate::memory_watch)).

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use crate::cgroup::{Controller, Group, Memory};
use crate::limits::{Limits, Size};
use crate::process_tree;
use crate::protocol::Rlimits;

/// The init and its threads, which are none of the sandbox's programs.
const OWN_PROCESSES: u64 = 2;
/// Where a group counts processes, it must be the one that refuses: it can tell afterwards.
const SECOND_LAYER_PROCESSES: u64 = 64;
/// What libraries reserve and do not use, above all Arrow's allocator.
const RESERVED_BYTES: u64 = 1 << 30;

/// The limits of one sandbox, in force.
#[derive(Debug)]
pub struct Confinement {
    /// What it may use.
    pub limits: Limits,
    group: Group,
    /// Processes that were killed for want of memory where no group does it.
    killed: AtomicU64,
    init: OnceLock<i32>,
    /// Zero: none.
    fork_server: AtomicI32,
}

/// How often limits were in the way so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Processes killed for want of memory.
    pub oom_kills: u64,
    /// Processes and threads that could not be started.
    pub refused_processes: u64,
}

impl Confinement {
    /// Sets the limits of a fresh group. `storage` is memory that the sandbox's files take.
    pub fn new(mut group: Group, limits: Limits, storage: u64) -> Self {
        group.limit_memory(limits.memory + storage);
        group.limit_processes(limits.processes + OWN_PROCESSES);
        group.limit_cpu(limits.cpus);
        Self {
            limits,
            group,
            killed: AtomicU64::new(0),
            init: OnceLock::new(),
            fork_server: AtomicI32::new(0),
        }
    }

    /// Takes the init in. It must not have started anything yet.
    pub fn hold(&self, init: i32) -> io::Result<()> {
        self.group.add(init)?;
        spare(init);
        let _ = self.init.set(init);
        Ok(())
    }

    /// Takes in a process that is about to enter.
    pub fn admit(&self, pid: i32) -> io::Result<()> {
        self.group.add(pid)
    }

    /// It has entered as this process, from which Python programs are forked; `None`: it is gone.
    pub fn adopt(&self, fork_server: Option<i32>) {
        if let Some(pid) = fork_server {
            spare(pid);
        }
        self.fork_server
            .store(fork_server.unwrap_or(0), Ordering::Relaxed);
    }

    /// The process from which Python programs are forked, as numbered outside.
    pub fn fork_server(&self) -> Option<i32> {
        Some(self.fork_server.load(Ordering::Relaxed)).filter(|&pid| pid != 0)
    }

    /// What each process inside is to be limited to.
    pub fn rlimits(&self) -> Rlimits {
        let counted = self.group.has(Controller::Pids).is_some();
        let spare = if counted { SECOND_LAYER_PROCESSES } else { 0 };
        Rlimits {
            // One process that asks for far too much is told so, instead of being killed.
            data: self.limits.memory * 2 + RESERVED_BYTES,
            processes: self.limits.processes + OWN_PROCESSES + spare,
            open_files: self.limits.open_files,
        }
    }

    /// Whether the kernel itself holds the sandbox to its memory.
    pub fn memory_is_limited(&self) -> bool {
        self.group.has(Controller::Memory).is_some()
    }

    /// Whether it is known when a process was refused.
    pub fn processes_are_counted(&self) -> bool {
        self.group.has(Controller::Pids).is_some()
    }

    /// How often limits were in the way so far.
    pub fn counters(&self) -> Counters {
        let watched = || self.killed.load(Ordering::Relaxed);
        Counters {
            oom_kills: self.group.oom_kills().unwrap_or_else(watched),
            refused_processes: self.group.refused_processes().unwrap_or(0),
        }
    }

    /// A process was killed for want of memory, and not by the kernel.
    pub fn count_kill(&self) {
        self.killed.fetch_add(1, Ordering::Relaxed);
    }

    /// The processes inside, as numbered outside; the init first.
    pub fn processes(&self) -> Vec<i32> {
        // What was forked from what entered is no descendant of the init.
        [self.init.get().copied(), self.fork_server()]
            .into_iter()
            .flatten()
            .flat_map(process_tree::descendants)
            .collect()
    }

    /// Whether `/dev/shm` inside has no room left. As far as the service may look there.
    pub fn shared_memory_is_full(&self) -> bool {
        // The init's own view is for root only; that of the programs is for their user, too.
        self.processes().into_iter().any(|pid| {
            rustix::fs::statvfs(format!("/proc/{pid}/root/dev/shm"))
                .is_ok_and(|shared| shared.f_blocks > 0 && shared.f_bavail == 0)
        })
    }

    /// Memory in use.
    pub fn memory(&self) -> Memory {
        self.group.memory().unwrap_or_else(|| Memory {
            charged: self.processes().into_iter().map(process_tree::memory).sum(),
            cache: 0,
        })
    }

    /// Processor time used by all that ran inside.
    pub fn cpu_time(&self) -> Duration {
        self.group.cpu_time().unwrap_or_else(|| {
            self.processes()
                .into_iter()
                .map(process_tree::cpu_time)
                .sum()
        })
    }

    /// Stops all processes where they are, and waits until they stand. `Ok(false)`: this machine
    /// has no control group for it, so they have to be stopped one by one.
    pub async fn freeze(&self) -> io::Result<bool> {
        self.group.freeze().await
    }

    /// Lets frozen processes go on.
    pub fn thaw(&self) -> io::Result<()> {
        self.group.thaw()
    }

    /// Removes the group, when everything in it has ended. Blocks for some milliseconds.
    pub fn remove(&self) {
        self.group.remove();
    }

    /// For the list of active layers.
    pub fn layers(&self) -> Vec<String> {
        let Limits {
            memory,
            processes,
            cpus,
            open_files,
            ..
        } = &self.limits;
        let by = |controller| {
            self.group
                .has(controller)
                .map(|version| format!("control group v{version}"))
        };
        vec![
            match by(Controller::Memory) {
                Some(group) => format!("memory: {} a sandbox, {group}", Size(*memory)),
                None => format!(
                    "memory: {} a sandbox, WATCHED several times a second, because no control group can be made; no memfd, no System V memory",
                    Size(*memory)
                ),
            },
            match by(Controller::Pids) {
                Some(group) => format!("processes: {processes} a sandbox, {group}"),
                None => format!(
                    "processes: {processes} a sandbox, by RLIMIT_NPROC of its user namespace"
                ),
            },
            match by(Controller::Cpu) {
                Some(group) => format!("processors: {cpus} a sandbox, {group}"),
                None => "processors: NO limit, because no control group can be made".to_owned(),
            },
            format!(
                "each process: {open_files} open files, {} of data, no core dumps",
                Size(self.rlimits().data)
            ),
        ]
    }
}

/// Programs go first when memory runs out, not this one. As root this also sets how low the sandbox
/// may go itself: a service that the machine is to spare must not have sandboxes that are spared.
fn spare(pid: i32) {
    if nix::unistd::geteuid().is_root() {
        let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "0");
    }
}
