//! The files of a group of version 1.

use std::io;
use std::path::Path;

use super::files::{field, number, write};
use super::{Memory, PERIOD_US};

/// Limits memory, and memory with swap together where swap is counted.
pub fn limit_memory(group: &Path, bytes: u64) -> io::Result<()> {
    write(group, "memory.limit_in_bytes", bytes)?;
    match write(group, "memory.memsw.limit_in_bytes", bytes) {
        // Swap is not counted on this machine.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

pub fn limit_cpu(group: &Path, quota_us: u64) -> io::Result<()> {
    write(group, "cpu.cfs_period_us", PERIOD_US)?;
    write(group, "cpu.cfs_quota_us", quota_us)
}

pub fn memory(group: &Path) -> io::Result<Memory> {
    let charged = number(group, "memory.usage_in_bytes")?;
    // Counts shared memory as cache, which no pressure can drop.
    let cache = field(group, "memory.stat", "total_cache")?.saturating_sub(field(
        group,
        "memory.stat",
        "total_shmem",
    )?);
    Ok(Memory { charged, cache })
}

pub fn oom_kills(group: &Path) -> io::Result<u64> {
    field(group, "memory.oom_control", "oom_kill")
}

pub fn cpu_time_ns(group: &Path) -> io::Result<u64> {
    number(group, "cpuacct.usage")
}

pub fn set_frozen(group: &Path, frozen: bool) -> io::Result<()> {
    write(
        group,
        "freezer.state",
        if frozen { "FROZEN" } else { "THAWED" },
    )
}

pub fn is_frozen(group: &Path) -> io::Result<bool> {
    Ok(std::fs::read_to_string(group.join("freezer.state"))?.trim() == "FROZEN")
}
