//! The processes of a sandbox as `/proc` outside shows them, for machines without control groups.

use std::fs;
use std::time::Duration;

/// A process and all below it. What ends meanwhile is left out, or is no process any more.
pub fn descendants(pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        let threads = fs::read_dir(format!("/proc/{pid}/task"));
        for thread in threads.into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<i32>().ok()),
            );
        }
        next += 1;
    }
    found
}

/// Bytes in memory, shared ones included; 0 for one that has ended.
pub fn memory(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = text
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * system_value(libc::_SC_PAGESIZE)
}

/// Bytes in memory, of shared ones this process's part. Slow; where it is not told, all of them.
pub fn own_memory(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok())
        .map_or_else(|| memory(pid), |kilobytes| kilobytes * 1024)
}

/// Processor time of a process and of its children that have ended.
pub fn cpu_time(pid: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is a program's name and may hold anything, also blanks and parentheses.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 1000 / system_value(libc::_SC_CLK_TCK))
}

/// One of the two that every system has.
fn system_value(name: libc::c_int) -> u64 {
    // SAFETY: reads a constant of the system; no memory is involved.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).map_or(1, |value| value.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_below_its_parent_and_uses_something() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .expect("sleep starts");
        let own = std::process::id() as i32;
        let found = descendants(own);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        assert!(found.contains(&(child.id() as i32)), "{found:?}");
        assert!(memory(own) > 0 && own_memory(own) > 0);
        assert_eq!(memory(-1), 0);
    }
}
