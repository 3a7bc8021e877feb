//! Seccomp: which system calls programs may make. Most holes of the kernel are in the others.
//!
//! Two filters. The first allows a list and refuses everything else with `EPERM`. The second, put on
//! top, answers `ENOSYS` to what a C library must take for "this kernel does not have it" in order to
//! do without. Where both refuse, the kernel returns the answer of the one installed last.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::{Step, StepError};

// A table: with one call a line it would be long and harder to read.
#[rustfmt::skip]
mod allowed;

/// The newest system call that [`allowed`] was written with knowledge of.
const NEWEST: c_long = allowed::since::MSEAL;
/// Namespaces of its own would give a program every capability in them.
const NEW_NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;
/// For `unshare`; in `clone` these bits are the signal.
const NEW_TIME: u64 = 0x80;
/// Put words into the input of a terminal, paste its screen, load a line discipline.
const REFUSED_IOCTLS: [u64; 3] = [libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCSETD];
/// Native, and the two old ones that programs ask for; `0xffff_ffff` only asks which one is set.
const PERSONALITIES: [u64; 5] = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];
const SOCKET_TYPE: u64 = 0xf;
/// Make memory that is nobody's: it stays when no process has it mapped.
const UNMAPPED_MEMORY: [c_long; 4] = [
    libc::SYS_memfd_create,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
];

/// Whether this kernel has seccomp filters.
fn available() -> bool {
    // SAFETY: SECCOMP_GET_ACTION_AVAIL reads one u32, which lives through the call.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &libc::SECCOMP_RET_ERRNO,
        )
    };
    outcome == 0 && architecture().is_some()
}

/// What the service says about this layer when it starts.
pub fn layer() -> String {
    match available() {
        true => "seccomp filter".to_owned(),
        false => "no seccomp filter (this kernel has none)".to_owned(),
    }
}

/// Installs the filters, for good, in this process and all that it starts.
///
/// Where memory is counted process by process, what no process has mapped must not come to be.
pub fn install(memory_is_counted: bool) -> Result<(), StepError> {
    for filter in filters(memory_is_counted)? {
        apply_filter(&filter)
            .map_err(io::Error::other)
            .step("install the seccomp filter")?;
    }
    Ok(())
}

/// In the order in which they are installed.
fn filters(memory_is_counted: bool) -> Result<Vec<BpfProgram>, StepError> {
    let Some(architecture) = architecture().filter(|_| available()) else {
        return Ok(Vec::new());
    };
    let listed = listed(architecture)
        .map_err(io::Error::other)
        .step("write the seccomp filter")?;
    let mut absent = vec![libc::SYS_clone3];
    if !memory_is_counted {
        absent.extend(UNMAPPED_MEMORY);
    }
    Ok(vec![listed, unknown(&absent)])
}

/// The filters as the kernel reads them (`struct sock_filter`), in hexadecimal digits.
pub fn encoded(memory_is_counted: bool) -> Result<Vec<String>, StepError> {
    let encode = |instruction: &sock_filter| {
        let sock_filter { code, jt, jf, k } = instruction;
        let [a, b] = code.to_ne_bytes();
        let [c, d, e, f] = k.to_ne_bytes();
        [a, b, *jt, *jf, c, d, e, f]
            .map(|byte| format!("{byte:02x}"))
            .concat()
    };
    let filters = filters(memory_is_counted)?;
    Ok(filters
        .iter()
        .map(|filter| filter.iter().map(encode).collect())
        .collect())
}

fn architecture() -> Option<TargetArch> {
    TargetArch::try_from(std::env::consts::ARCH).ok()
}

/// The list. Calls of another architecture's numbers (32-bit ones, say) end the process.
fn listed(architecture: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules = conditional()?;
    let always = allowed::ALLOWED
        .iter()
        .copied()
        .chain([allowed::OF_THIS_ARCHITECTURE]);
    rules.extend(always.flatten().map(|call| (*call, Vec::new())));
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        architecture,
    )?
    .try_into()
}

/// The calls that depend on their arguments.
///
/// All comparisons are of 32 bits: the kernel takes these arguments as `int`, whatever is above.
fn conditional() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    let without = |mask: u64| rule(&[(0, MaskedEq(mask), 0)]);
    let refused = REFUSED_IOCTLS.map(|request| (1, Ne, request));
    let personalities = PERSONALITIES.iter().map(|value| rule(&[(0, Eq, *value)]));
    Ok(BTreeMap::from([
        (libc::SYS_clone, vec![without(NEW_NAMESPACES)?]),
        (libc::SYS_unshare, vec![without(NEW_NAMESPACES | NEW_TIME)?]),
        (libc::SYS_ioctl, vec![rule(&refused)?]),
        (
            libc::SYS_personality,
            personalities.collect::<Result<_, _>>()?,
        ),
        (libc::SYS_socket, sockets()?),
        (
            libc::SYS_socketpair,
            vec![rule(&[(0, Eq, libc::AF_UNIX as u64)])?],
        ),
    ]))
}

/// Unix sockets, TCP, UDP, and the part of netlink that tells of interfaces and addresses. Every
/// other family or protocol is more kernel to break, much of it loaded on demand.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = vec![
        rule(&[(0, Eq, libc::AF_UNIX as u64)])?,
        rule(&[
            (0, Eq, libc::AF_NETLINK as u64),
            (2, Eq, libc::NETLINK_ROUTE as u64),
        ])?,
    ];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in [
            (libc::SOCK_STREAM, libc::IPPROTO_TCP),
            (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
        ] {
            for protocol in [0, protocol] {
                rules.push(rule(&[
                    (0, Eq, family as u64),
                    (1, MaskedEq(SOCKET_TYPE), kind as u64),
                    (2, Eq, protocol as u64),
                ])?);
            }
        }
    }
    Ok(rules)
}

/// A rule that holds if all its conditions do: argument, comparison, value.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = conditions
        .iter()
        .map(|(argument, comparison, value)| {
            SeccompCondition::new(*argument, Dword, comparison.clone(), *value)
        })
        .collect::<Result<_, _>>()?;
    SeccompRule::new(conditions)
}

/// `ENOSYS` for `clone3`, whose flags are in memory where a filter cannot look (C libraries use
/// `clone` then) and whatever else is absent, for calls newer than the list, and for those of the x32
/// numbering.
fn unknown(absent: &[c_long]) -> Vec<sock_filter> {
    let instruction = |code: u32, jt, jf, k: u32| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let greater = libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    // The number, the first field of `struct seccomp_data`. The architecture is checked already.
    let mut program = vec![instruction(load, 0, 0, 0)];
    for (index, call) in absent.iter().enumerate() {
        // To the last instruction: over the rest of these, and the two after them.
        let over = (absent.len() - index - 1 + 2) as u8;
        program.push(instruction(equal, over, 0, *call as u32));
    }
    program.extend([
        instruction(greater, 1, 0, NEWEST as u32),
        instruction(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
        instruction(answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ]);
    program
}
