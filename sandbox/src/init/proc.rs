//! What `/proc` tells of the machine rather than of the sandbox, out of sight.
//!
//! The kernel guards what is dangerous here by user; this is about what strangers need not know (the
//! kernel's command line, its modules and symbols, disks, devices, keys), and a second lock on the
//! rest. What programs do read stays: cpuinfo, meminfo, stat, loadavg, uptime, filesystems, …

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::root::{READ_ONLY, attach_tree, set_attributes};
use super::{Step, StepError};
use rustix::fs::CWD;
use rustix::mount::OpenTreeFlags;

const HIDDEN_DIRECTORIES: [&str; 9] = [
    "acpi",
    "asound",
    "bus",
    "driver",
    "dynamic_debug",
    "fs",
    "irq",
    "scsi",
    "tty",
];
const HIDDEN_FILES: [&str; 34] = [
    "buddyinfo",
    "cmdline",
    "config.gz",
    "consoles",
    "crypto",
    "devices",
    "diskstats",
    "dma",
    "execdomains",
    "interrupts",
    "iomem",
    "ioports",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "locks",
    "mdstat",
    "misc",
    "modules",
    "mtrr",
    "pagetypeinfo",
    "partitions",
    "sched_debug",
    "schedstat",
    "slabinfo",
    "softirqs",
    "timer_list",
    "vmallocinfo",
];
/// Settings and switches of the kernel.
const FIXED: [&str; 2] = ["sys", "sysrq-trigger"];

/// Covers the parts of a fresh `<stage>/proc`.
pub fn cover(stage: &Path) -> Result<(), StepError> {
    let proc = stage.join("proc");
    let file = stage.join("run/empty");
    File::create(&file).step("make an empty file")?;
    // The new root's `/sys` is an empty directory, too.
    let nothing = stage.join("sys");
    for (empty, names) in [(&file, &HIDDEN_FILES[..]), (&nothing, &HIDDEN_DIRECTORIES)] {
        for name in names {
            bind(empty, &proc.join(name)).step(&format!("cover '/proc/{name}'"))?;
        }
    }
    for name in FIXED {
        let path = proc.join(name);
        bind(&path, &path).step(&format!("make '/proc/{name}' read-only"))?;
    }
    Ok(())
}

/// Mounts `path` on `target`, read-only. Kernels differ in what they have.
fn bind(path: &Path, target: &Path) -> io::Result<()> {
    if fs::symlink_metadata(target).is_err() {
        return Ok(());
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = rustix::mount::open_tree(CWD, path, flags)?;
    set_attributes(tree.as_fd(), c"", libc::AT_EMPTY_PATH, READ_ONLY)?;
    attach_tree(&tree, target)
}
