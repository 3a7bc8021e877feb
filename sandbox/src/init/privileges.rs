//! Privileges: who the init is, and what it gives up.

use std::io;

use caps::CapSet;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};

use super::{Step, StepError};
use crate::protocol::USER_ID;

/// Closes every descriptor but the first three: what the service inherited is not for the inside.
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: called first in `main`; nothing in this process owns a descriptor above 2 yet.
    let outcome = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    nix::errno::Errno::result(outcome)?;
    Ok(())
}

/// Becomes the inside user. Outside, that is an identity without rights, or the service's own user.
///
/// The capabilities stay: the identity left behind is not the namespace's root, which has none.
pub fn become_user() -> Result<(), StepError> {
    match nix::unistd::setgroups(&[]) {
        // An ordinary user may not change groups in a namespace; the kernel insists.
        Ok(()) | Err(nix::errno::Errno::EPERM) => {}
        Err(error) => return Err(error).step("drop supplementary groups"),
    }
    let (user, group) = (Uid::from_raw(USER_ID), Gid::from_raw(USER_ID));
    nix::unistd::setresgid(group, group, group).step("become the inside group")?;
    nix::unistd::setresuid(user, user, user).step("become the inside user")
}

/// The kernel kills PID 1, and so the sandbox, when the service ends, however it ends.
pub fn die_with_service() -> Result<(), StepError> {
    // After `become_user`: a change of identity clears it. The closed socket covers the time before.
    prctl::set_pdeathsig(Signal::SIGKILL).step("tie the init to the service")
}

/// Gives up all capabilities, and the way to get any back.
pub fn drop_all() -> Result<(), StepError> {
    // Bounding first: changing it needs a capability.
    for set in [
        CapSet::Bounding,
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        caps::clear(None, set)
            .map_err(|error| io::Error::other(error.to_string()))
            .step("drop capabilities")?;
    }
    prctl::set_no_new_privs().step("set no-new-privileges")?;
    // Same user as the programs it starts: they must not be able to trace it or read its memory.
    prctl::set_dumpable(false).step("hide the init's memory")
}

/// Without namespaces: orphans inside the sandbox become children of the init.
pub fn adopt_orphans() -> Result<(), StepError> {
    prctl::set_child_subreaper(true).step("adopt orphans")?;
    prctl::set_no_new_privs().step("set no-new-privileges")
}
