//! What stands in a sandbox where `python` was: asks the sandbox's zygote for a process, and stands
//! in for it.
//!
//! It sends arguments, environment, descriptors and the like over the zygote's socket (the messages
//! are listed in `python/zygote/fork_server.py`), passes on signals, and ends as the program ends.
//! Whoever started it waits for it, signals it and stops it, as if it were the program. Where there
//! is no zygote, or the command line asks for what a fork cannot give, it executes the real
//! interpreter: the same, only slower.
//!
//! It lies in `<environment>/bin/.conductor/` with two links: `python` leads to the interpreter,
//! and `socket` to the zygote. It starts in a millisecond, so it uses no runtime but the C library's.
#![no_main]

use std::ffi::OsString;
use std::fs;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

/// Its directory, below that of the environment's programs.
const OWN: &str = ".conductor";
/// A zygote that is alive and not stopped accepts in a millisecond.
const ACCEPT_WITHIN: Timespec = Timespec {
    tv_sec: 3,
    tv_nsec: 0,
};
/// The kernel's own limit per message.
const MAX_DESCRIPTORS: usize = 253;
/// The libraries count towards a process's limits, though their memory is shared.
const ROOM_FOR_LIBRARIES: u64 = 1 << 30;
/// Sent by the kernel itself: by a terminal, that is, and to the whole process group.
const FROM_KERNEL: i32 = 0x80;

// As `fresh.py` numbers them.
const COMMAND: u32 = 0;
const MODULE: u32 = 1;
const SCRIPT: u32 = 2;
const STDIN: u32 = 3;
const UNBUFFERED: u32 = 1;
const NO_BYTECODE: u32 = 2;

/// Entry point of the C runtime: that of Rust would change how signals are handled.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> libc::c_int {
    let Ok(program) = fs::read_link("/proc/self/exe") else {
        return 127;
    };
    let own = program.parent().unwrap_or(Path::new("/"));
    let bin = own.parent().unwrap_or(Path::new("/"));
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let call = Call {
        name: called,
        arguments,
    };
    if let Some(plan) = Plan::of(&call.arguments)
        && environment_is_usual()
        && let Some(interpreter) = call.interpreter().filter(|path| is_in(path, bin))
    {
        // An error here means that nothing has been started.
        if let Ok(status) = serve(own, &interpreter, &call, &plan) {
            end_like(status);
        }
    }
    let error = Command::new(interpreter_behind(own))
        .arg0(&call.name)
        .args(&call.arguments)
        .exec();
    eprintln!("{}: {error}", call.name.display());
    127
}

/// How this program was called.
struct Call {
    name: OsString,
    arguments: Vec<OsString>,
}

impl Call {
    /// Where the interpreter would think it is, and so which environment it would take for its own.
    fn interpreter(&self) -> Option<PathBuf> {
        let name = Path::new(&self.name);
        if self.name.as_bytes().contains(&b'/') {
            return Some(match name.strip_prefix("./") {
                Ok(rest) => std::env::current_dir().ok()?.join(rest),
                Err(_) => std::env::current_dir().ok()?.join(name),
            });
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| {
                let metadata = fs::metadata(file);
                metadata.is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
            })
    }
}

/// Whether a path leads straight into a directory. Through links and other detours it is another
/// environment, or none.
fn is_in(path: &Path, directory: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| directory.join(name).as_os_str() == path.as_os_str())
}

/// The interpreter itself. A copy of the shim, which lies anywhere, is for the first on the path.
fn interpreter_behind(own: &Path) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).map(|directory| directory.join(OWN));
    let own = match own.ends_with(OWN) {
        true => Some(own.to_owned()),
        false => others
            .into_iter()
            .find(|other| other.join("python").exists()),
    };
    own.unwrap_or_else(|| OWN.into()).join("python")
}

/// What the interpreter's arguments ask for.
struct Plan {
    mode: u32,
    flags: u32,
    /// Where the program is among the arguments.
    position: usize,
}

impl Plan {
    /// `None` for what only the real interpreter does.
    fn of(arguments: &[OsString]) -> Option<Self> {
        let mut flags = 0;
        if is_set("PYTHONUNBUFFERED") {
            flags |= UNBUFFERED;
        }
        if is_set("PYTHONDONTWRITEBYTECODE") {
            flags |= NO_BYTECODE;
        }
        for (position, argument) in arguments.iter().enumerate() {
            let plan = |mode, position| {
                Some(Self {
                    mode,
                    flags,
                    position,
                })
            };
            match argument.as_bytes() {
                b"-" => return plan(STDIN, position),
                b"-c" => return plan(COMMAND, position + 1),
                b"-m" => return plan(MODULE, position + 1),
                b"-u" => flags |= UNBUFFERED,
                b"-B" => flags |= NO_BYTECODE,
                b"" => return None,
                option if option.starts_with(b"-") => return None,
                _ => return plan(SCRIPT, position),
            }
        }
        let interactive = rustix::termios::isatty(rustix::stdio::stdin());
        (!interactive).then_some(Self {
            mode: STDIN,
            flags,
            position: arguments.len(),
        })
    }
}

/// Whether a variable switches something on: by any text but a zero.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| {
        let number = value
            .to_str()
            .and_then(|text| text.trim_ascii_start().parse().ok());
        !value.is_empty() && number != Some(0)
    })
}

/// Whether nothing is set that counts while an interpreter or a C library starts.
fn environment_is_usual() -> bool {
    let effective = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    effective.is_some_and(|locale| locale == "C.UTF-8")
        && std::env::vars_os().all(|(name, value)| value.is_empty() || !is_early(name.as_bytes()))
}

fn is_early(name: &[u8]) -> bool {
    const USUAL: [&[u8]; 3] = [
        b"PYTHONUNBUFFERED",
        b"PYTHONDONTWRITEBYTECODE",
        b"PYTHON_COLORS",
    ];
    const EARLY: [&[u8]; 10] = [
        b"PYTHON",
        b"LD_",
        b"GLIBC_",
        b"MALLOC_",
        b"OPENBLAS_",
        b"OMP_",
        b"MKL_",
        b"GOTO_",
        b"ARROW_",
        b"OPENSSL_",
    ];
    !USUAL.contains(&name) && EARLY.iter().any(|early| name.starts_with(early))
}

/// Has the program run, and returns its wait status. An error: it has not been started.
fn serve(own: &Path, interpreter: &Path, call: &Call, plan: &Plan) -> io::Result<libc::c_int> {
    // Connected before its own descriptors are opened: the program's keep their numbers.
    let inherited = inherited()?;
    let socket = connect(&fs::read_link(own.join("socket"))?)?;
    let before = SigSet::thread_get_mask()?;
    let request = request(interpreter, call, plan, &inherited, &before)?;
    let signals = SignalFd::with_flags(
        &SigSet::all(),
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?;
    SigSet::all().thread_set_mask()?;
    let outcome = start(&socket, &request, &inherited).map(|()| {
        let mut keep = [socket.as_raw_fd(), signals.as_raw_fd()];
        keep.sort_unstable();
        close_all_but(keep);
        stand_in(&socket, &signals)
    });
    if outcome.is_err() {
        before.thread_set_mask()?;
    }
    outcome
}

/// Everything that is open: whoever started this program left it open for it.
fn inherited() -> io::Result<Vec<i32>> {
    let directory = fs::read_dir("/proc/self/fd")?;
    let mut numbers: Vec<i32> = directory
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    // The directory itself is among them, and closed by now.
    numbers.retain(|number| {
        // SAFETY: F_GETFD only asks, and answers an error for a number that is not open.
        unsafe { libc::fcntl(*number, libc::F_GETFD) >= 0 }
    });
    numbers.sort_unstable();
    match numbers.len() {
        0..=MAX_DESCRIPTORS => Ok(numbers),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn connect(path: &Path) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    // Not below 3, should those be closed: the program is to find them closed.
    let socket = rustix::io::fcntl_dupfd_cloexec(&socket, 3)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// The request, as `fork_server.py` describes it.
fn request(
    interpreter: &Path,
    call: &Call,
    plan: &Plan,
    inherited: &[i32],
    blocked: &SigSet,
) -> io::Result<Vec<u8>> {
    let directory: PathBuf = std::env::current_dir()?;
    let variables: Vec<OsString> = std::env::vars_os()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        })
        .collect();
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    let niceness = rustix::process::getpriority_process(None)?;
    if niceness < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = vec![0; 4];
    for number in [
        umask.bits(),
        plan.mode | (plan.position as u32) << 8,
        plan.flags,
        niceness as u32,
        inherited.len() as u32,
        call.arguments.len() as u32,
        variables.len() as u32,
    ] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(ignored_signals()?.to_ne_bytes());
    let blocked = blocked
        .iter()
        .fold(0_u64, |mask, signal| mask | 1 << (signal as u32 - 1));
    bytes.extend(blocked.to_ne_bytes());
    for number in 0..16 {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the kernel writes one rlimit, which lives through the call.
        let outcome = unsafe { libc::getrlimit(number, &raw mut limit) };
        nix::errno::Errno::result(outcome)?;
        let least = match number {
            libc::RLIMIT_AS => libc::RLIM_INFINITY,
            libc::RLIMIT_DATA => ROOM_FOR_LIBRARIES,
            _ => 0,
        };
        if limit.rlim_cur < least {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        bytes.extend(limit.rlim_cur.to_ne_bytes());
        bytes.extend(limit.rlim_max.to_ne_bytes());
    }
    let mut processors = [0_u8; 128];
    // SAFETY: the kernel writes at most the 128 bytes it is told of.
    let outcome =
        unsafe { libc::sched_getaffinity(0, processors.len(), processors.as_mut_ptr().cast()) };
    nix::errno::Errno::result(outcome)?;
    bytes.extend(processors);
    for number in inherited {
        bytes.extend(number.to_ne_bytes());
    }
    let texts = [
        interpreter.as_os_str(),
        call.name.as_os_str(),
        directory.as_os_str(),
    ];
    for text in texts
        .into_iter()
        .chain(call.arguments.iter().map(OsString::as_os_str))
        .chain(variables.iter().map(OsString::as_os_str))
    {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    Ok(bytes)
}

/// The signals that whoever started this program wanted ignored, as a bit mask.
fn ignored_signals() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap_or("0");
    u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)
}

/// Sends the request; returns once the program has been started.
fn start(socket: &OwnedFd, request: &[u8], inherited: &[i32]) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = inherited
        .iter()
        // SAFETY: they were open a moment ago, and nothing in this program closes them before it
        // has been started elsewhere.
        .map(|number| unsafe { BorrowedFd::borrow_raw(*number) })
        .collect();
    let mut sent = 0;
    while sent < request.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if sent == 0 && !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let rest = [IoSlice::new(&request[sent..])];
        match rustix::net::sendmsg(socket, &rest, &mut ancillary, SendFlags::NOSIGNAL) {
            Ok(count) => sent += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => wait(socket, PollFlags::OUT)?,
            Err(error) => return Err(error.into()),
        }
    }
    wait(socket, PollFlags::IN)?;
    let mut word = [0];
    if rustix::io::read(socket, &mut word)? != 1 || word != *b"A" {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // From here on the program may run at any moment, so there is no way back but one: the zygote
    // cannot fork, and says so by closing the connection.
    rustix::net::send(socket, b"g", SendFlags::NOSIGNAL)?;
    let mut started = [0; 5];
    let mut read = 0;
    while read < started.len() {
        match rustix::io::read(socket, &mut started[read..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => read += count,
            Err(rustix::io::Errno::AGAIN) => {
                poll(&mut [PollFd::new(socket, PollFlags::IN)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wait(socket: &OwnedFd, event: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::new(socket, event)], Some(&ACCEPT_WITHIN))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// A pipe must not stay open because of a bystander.
fn close_all_but(keep: [i32; 2]) {
    let [first, second] = keep.map(|number| number as u32);
    for (from, to) in [(0, first), (first + 1, second), (second + 1, u32::MAX)] {
        if from < to {
            let last = if to == u32::MAX { to } else { to - 1 };
            // SAFETY: nothing here uses a descriptor other than the two that are kept.
            unsafe { libc::syscall(libc::SYS_close_range, from, last, 0_u32) };
        }
    }
}

/// Signals that ask a program to end. Whoever sends one to the program and to the group that it is in
/// (`timeout` does both) sends one: the second comes while the first waits to be taken. Two that are
/// passed on one after another would be two, and the second would hit what answers the first.
const ENDING: [u32; 4] = [
    libc::SIGHUP as u32,
    libc::SIGINT as u32,
    libc::SIGQUIT as u32,
    libc::SIGTERM as u32,
];
const TOGETHER: Duration = Duration::from_millis(5);

/// Passes on signals until the program has ended; its wait status.
fn stand_in(socket: &OwnedFd, signals: &SignalFd) -> libc::c_int {
    let leader = rustix::process::getpgrp() == rustix::process::getpid();
    let mut heard = Vec::new();
    let mut ending: Option<(u32, u32, Instant)> = None;
    loop {
        let mut polled = [
            PollFd::new(socket, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        if poll(&mut polled, None).is_err() {
            continue;
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            let group = leader || signal.ssi_code == FROM_KERNEL;
            if ENDING.contains(&signal.ssi_signo) {
                let (number, sender) = (signal.ssi_signo, signal.ssi_pid);
                let before = ending.replace((number, sender, Instant::now()));
                if before
                    .is_some_and(|(a, b, at)| (a, b) == (number, sender) && at.elapsed() < TOGETHER)
                {
                    continue;
                }
            }
            if signal.ssi_signo != libc::SIGCHLD as u32 {
                let message = [b's', signal.ssi_signo as u8, group.into()];
                // A zygote that is gone is seen below.
                let _ = rustix::net::send(socket, &message, SendFlags::NOSIGNAL);
            }
        }
        let mut bytes = [0; 64];
        match rustix::io::read(socket, &mut bytes) {
            // The zygote was killed, and with it all that it had started.
            Ok(0) => return libc::SIGKILL,
            Ok(count) => heard.extend_from_slice(&bytes[..count]),
            Err(_) => {}
        }
        while let Some(word) = heard.first().copied() {
            if word == b'S' {
                heard.remove(0);
                stop();
            } else if let Some(&[_, a, b, c, d]) = heard.first_chunk::<5>() {
                return i32::from_ne_bytes([a, b, c, d]);
            } else {
                break;
            }
        }
    }
}

/// The program has stopped: so does this one, until somebody continues it.
fn stop() {
    // SIGSTOP cannot fail to be sent to oneself.
    let _ = nix::sys::signal::raise(Signal::SIGSTOP);
}

/// Ends in the way that a wait status says.
fn end_like(status: libc::c_int) -> ! {
    if libc::WIFSIGNALED(status) {
        let number = libc::WTERMSIG(status);
        // The core, if any, has been written by then.
        let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
        // SAFETY: plain system calls of this single-threaded program.
        unsafe {
            libc::signal(number, libc::SIG_DFL);
            libc::kill(libc::getpid(), number);
        }
        let mut unblocked = SigSet::empty();
        if let Ok(signal) = Signal::try_from(number) {
            unblocked.add(signal);
            let _ = nix::sys::signal::sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&unblocked), None);
        }
        // SAFETY: as above.
        unsafe { libc::_exit(128 + number) }
    }
    // SAFETY: ends the process; there is nothing to flush or to drop.
    unsafe { libc::_exit(libc::WEXITSTATUS(status)) }
}
