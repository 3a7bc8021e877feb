//! What processes hold and use, with all that descends from them.

use std::fs;

use crate::process_tree;

/// The ticks of `/proc/PID/stat`: 100 a second on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory in MiB: each page counted once, shared ones by equal parts among those that share them.
pub(super) fn proportional_mib(roots: &[i32]) -> f64 {
    let kilobytes = |pid: i32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        kilobytes_of(&rollup, "Pss:")
    };
    all_below(roots).into_iter().map(kilobytes).sum::<u64>() as f64 / 1024.0
}

/// Processor time used so far, in seconds, with that of children that have ended.
pub(super) fn processor_seconds(roots: &[i32]) -> f64 {
    let ticks = |pid: i32| -> u64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        // utime, stime, cutime, cstime: fields 14 to 17, of which two stand before the bracket.
        let times = fields.split_whitespace().skip(11).take(4);
        times
            .map(|time| time.parse::<u64>().unwrap_or_default())
            .sum()
    };
    all_below(roots).into_iter().map(ticks).sum::<u64>() as f64 / TICKS_PER_SECOND
}

/// What one process holds now.
pub(super) fn resident_mib(pid: i32) -> f64 {
    status_mib(pid, "VmRSS:")
}

/// The most that one process has held.
pub(super) fn peak_mib(pid: i32) -> f64 {
    status_mib(pid, "VmHWM:")
}

fn status_mib(pid: i32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kilobytes_of(&status, field) as f64 / 1024.0
}

fn kilobytes_of(text: &str, field: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

fn all_below(roots: &[i32]) -> Vec<i32> {
    let with_children = |root: &i32| {
        let below = process_tree::below(*root)
            .into_iter()
            .map(|process| process.pid);
        below.chain([*root]).collect::<Vec<_>>()
    };
    roots.iter().flat_map(with_children).collect()
}
