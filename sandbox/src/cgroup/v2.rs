//! The files of a group of version 2.

use std::io;
use std::path::Path;

use super::files::{field, number, write};
use super::{Controller, Memory, PERIOD_US};

/// Limits memory, and forbids swap: it would only delay the end.
pub fn limit_memory(group: &Path, bytes: u64) -> io::Result<()> {
    write(group, "memory.max", bytes)?;
    match write(group, "memory.swap.max", 0) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

pub fn limit_cpu(group: &Path, quota_us: u64) -> io::Result<()> {
    write(group, "cpu.max", format!("{quota_us} {PERIOD_US}"))
}

pub fn memory(group: &Path) -> io::Result<Memory> {
    let charged = number(group, "memory.current")?;
    let cache =
        field(group, "memory.stat", "file")?.saturating_sub(field(group, "memory.stat", "shmem")?);
    Ok(Memory { charged, cache })
}

pub fn oom_kills(group: &Path) -> io::Result<u64> {
    field(group, "memory.events", "oom_kill")
}

pub fn cpu_time_ns(group: &Path) -> io::Result<u64> {
    Ok(field(group, "cpu.stat", "usage_usec")? * 1000)
}

pub fn set_frozen(group: &Path, frozen: bool) -> io::Result<()> {
    write(group, "cgroup.freeze", u8::from(frozen))
}

pub fn is_frozen(group: &Path) -> io::Result<bool> {
    Ok(field(group, "cgroup.events", "frozen")? == 1)
}

/// What a controller is called in `cgroup.subtree_control`; `None` for what every group has.
pub fn name(controller: Controller) -> Option<&'static str> {
    match controller {
        Controller::Memory => Some("memory"),
        Controller::Pids => Some("pids"),
        Controller::Cpu => Some("cpu"),
        Controller::CpuTime | Controller::Freezer => None,
    }
}

/// Offers a controller to the groups below, or takes it back.
pub fn set_offered(group: &Path, controller: &str, offered: bool) -> io::Result<()> {
    let sign = if offered { '+' } else { '-' };
    write(
        group,
        "cgroup.subtree_control",
        format!("{sign}{controller}"),
    )
}

/// Whether the groups below have a controller.
pub fn is_offered(group: &Path, controller: &str) -> bool {
    std::fs::read_to_string(group.join("cgroup.subtree_control"))
        .is_ok_and(|offered| offered.split_whitespace().any(|name| name == controller))
}
