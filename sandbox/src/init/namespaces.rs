//! Namespaces: what a sandbox does not share with the host.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::sched::CloneFlags;

use super::{Step, StepError};

/// As `/proc` calls them.
pub const NAMESPACES: [&str; 7] = ["user", "mnt", "net", "ipc", "uts", "cgroup", "pid"];

/// Leaves the host's namespaces. The pid namespace holds for the next child, not for this process.
pub fn unshare() -> Result<(), StepError> {
    // The user namespace is made first by the kernel and owns the others, so no privilege is needed.
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    nix::sched::unshare(all).step("make namespaces")
}

/// The cgroups that the process is in by now look like the root ones from here on: their names tell
/// of the service and the machine.
pub fn hide_cgroup() -> Result<(), StepError> {
    nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP).step("make a cgroup namespace")
}

/// Forks; the child's parent is this process's parent, so that the service itself can wait for PID 1
/// and no process stands between them. `None` in the child.
pub fn clone_sibling() -> Result<Option<i32>, StepError> {
    let flags = (libc::CLONE_PARENT | libc::SIGCHLD) as libc::c_ulong;
    let nothing: libc::c_ulong = 0;
    // SAFETY: without CLONE_VM and without a stack this is a fork: the child gets a copy of the
    // memory. The process has one thread, so no lock can be held by a thread that does not exist
    // in the child.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, nothing, nothing, nothing, nothing) };
    match nix::errno::Errno::result(pid).step("start PID 1")? {
        0 => Ok(None),
        pid => Ok(Some(pid as i32)),
    }
}

/// The namespaces of this process, for another one to enter; that of the user comes first, because
/// it gives the rights that the others ask for.
pub fn hold() -> Result<Vec<OwnedFd>, StepError> {
    NAMESPACES
        .iter()
        .map(|name| {
            let file = File::open(format!("/proc/self/ns/{name}"))?;
            Ok(OwnedFd::from(file))
        })
        .collect::<io::Result<_>>()
        .step("take hold of the namespaces")
}
