//! Landlock: a second opinion on files, from a part of the kernel that knows nothing of mounts.
//!
//! What the mount namespace shows is what these rules allow, and nothing else. If a hole in the
//! first gives a program sight of the host, the second still refuses to open anything there.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    path_beneath_rules,
};

use super::{Step, StepError, root};
use crate::protocol::Setup;
use crate::sandbox::{HOME, RUN};

/// The rights this file was written with knowledge of; older kernels check fewer of them.
///
/// The next one would restrict connections to unix sockets, which the mount namespace does already.
const RIGHTS: ABI = ABI::V8;
/// Where programs may write.
const WRITABLE: [&str; 4] = [HOME, "/tmp", "/var/tmp", "/dev/shm"];

/// What the service says about this layer when it starts.
pub fn layer() -> String {
    match version() {
        Some(version) => format!("landlock (ABI {version})"),
        None => "no landlock (this kernel has none)".to_owned(),
    }
}

/// The version that the kernel has, if any.
fn version() -> Option<i64> {
    const ASK_VERSION: u32 = 1;
    let nothing: *const libc::c_void = std::ptr::null();
    // SAFETY: with this flag the kernel takes no attributes and only answers with a number.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            nothing,
            0_usize,
            ASK_VERSION,
        )
    };
    (outcome > 0).then_some(outcome)
}

/// Restricts this process and all that it starts, for good, as far as the kernel can. The rules,
/// where the kernel has any, for the zygote that enters: it is held to the same ones.
///
/// Signals and abstract sockets end at the namespaces. If these rules limited them, too, programs
/// started by the init and those started by the zygote could not signal each other.
pub fn restrict(setup: &Setup) -> Result<Option<OwnedFd>, StepError> {
    let create = || -> Result<_, RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(RIGHTS))?
            .create()?
            // To see what is there is no danger: the new root holds what was put into it.
            .add_rules(path_beneath_rules(["/"], AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(
                readable(setup),
                AccessFs::from_read(RIGHTS),
            ))?
            .add_rules(path_beneath_rules(WRITABLE, own_files()))?
            .add_rules(path_beneath_rules([RUN], own_files() & !AccessFs::Execute))?
            .add_rules(path_beneath_rules(["/proc"], files()))?
            .add_rules(path_beneath_rules(["/dev"], files() | AccessFs::IoctlDev))
    };
    let step = "restrict files with landlock";
    let rules = create().map_err(io::Error::other).step(step)?;
    let copy = rules.try_clone().step(step)?;
    rules.restrict_self().map_err(io::Error::other).step(step)?;
    Ok(copy.into())
}

fn readable(setup: &Setup) -> Vec<PathBuf> {
    let system = root::SYSTEM.map(PathBuf::from);
    let others = setup.read_only.iter().cloned();
    system
        .into_iter()
        .chain([PathBuf::from("/etc")])
        .chain(others)
        .collect()
}

/// All but device nodes, which nobody inside has the right to make anyway.
fn own_files() -> BitFlags<AccessFs> {
    AccessFs::from_all(RIGHTS) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}

/// Opening with `>` truncates, also where there is nothing to truncate.
fn files() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate
}
