//! On what it was measured.

use std::fs;
use std::thread::available_parallelism;

/// Processors, memory, kernel and how busy the machine is: numbers are compared within one run only.
pub(super) fn describe() -> String {
    let processors = available_parallelism().map_or(0, usize::from);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let kilobytes = memory
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.parse::<u64>().ok());
    let gigabytes = kilobytes.unwrap_or_default() / (1024 * 1024);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?");
    format!(
        "{processors} processors, {gigabytes} GiB, Linux {}, load before {load}",
        kernel.trim()
    )
}
