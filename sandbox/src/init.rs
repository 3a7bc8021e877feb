//! What runs inside: the init of one sandbox, a single small process.
//!
//! The service executes `sandbox-init`, with one end of the control socket as stdin and of the files
//! socket as stdout. The order of steps matters:
//!
//! 1. `namespaces`: unshare, while the service watches; the service writes the identity maps.
//! 2. `root::gather`: take hold of every host directory the sandbox will see. Done as the outside
//!    user, because the inside one may not be able to walk there (a Python below `/root`).
//! 3. become the inside user, keeping the capabilities that hold in the new namespaces only, and
//!    clone PID 1 as a child of the service.
//! 4. PID 1: loopback, host name, new root file system, then all capabilities go, for good;
//!    `landlock` and `seccomp` close behind it.
//! 5. `serve`: requests, until the service closes the socket. When PID 1 ends, the kernel kills
//!    everything else in the sandbox.
//!
//! From step 5 on the init has no more rights than the programs it starts. Nothing here logs: what
//! goes wrong is told to the service.

mod files;
pub(crate) mod interpreter;
pub(crate) mod landlock;
pub(crate) mod namespaces;
mod network;
mod oom;
mod privileges;
mod proc;
mod rlimits;
mod root;
pub(crate) mod seccomp;
mod serve;
mod spawn;
mod storage;
mod suspend;
mod watch;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use thiserror::Error;

use crate::protocol::{Handshake, Isolation, Setup, Storage};
use crate::sandbox::RUN;
use crate::wire;
use oom::OomScore;
use spawn::Terms;

/// A step of the start that failed.
#[derive(Debug, Error)]
#[error("{step}: {source}")]
pub(crate) struct StepError {
    step: String,
    source: io::Error,
}

/// Names the step that an error belongs to.
trait Step<T> {
    fn step(self, step: &str) -> Result<T, StepError>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: &str) -> Result<T, StepError> {
        self.map_err(|error| StepError {
            step: step.to_owned(),
            source: error.into(),
        })
    }
}

/// The sockets to the service.
struct Sockets {
    control: OwnedFd,
    files: OwnedFd,
}

/// Runs as `sandbox-init`. Returns when the sandbox is over.
pub fn main() -> ExitCode {
    let sockets = match adopt_sockets() {
        Ok(sockets) => sockets,
        Err(error) => {
            eprintln!("sandbox-init is started by the sandbox service, not by hand: {error}");
            return ExitCode::FAILURE;
        }
    };
    match start(&sockets) {
        Ok(Some((terms, oom_score))) => {
            serve::serve(sockets, terms, oom_score);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            // If the service is gone there is nobody left to tell.
            let _ = tell(
                &sockets,
                &Handshake::Failed {
                    message: error.to_string(),
                },
                &[],
            );
            ExitCode::FAILURE
        }
    }
}

/// Up to the point where requests can be served; `None` in the process that only gave birth to PID 1.
fn start(sockets: &Sockets) -> Result<Option<(Terms, OomScore)>, StepError> {
    let (message, beside) = wire::receive_all(&sockets.control).step("listen to the service")?;
    let Handshake::Setup(setup) = message else {
        return Err(out_of_turn());
    };
    let (oom_score, entrance) = match setup.isolation {
        Isolation::Namespaces => match enter(sockets, &setup, beside.into_iter().next())? {
            Some(entered) => entered,
            None => return Ok(None),
        },
        Isolation::None => {
            privileges::adopt_orphans()?;
            (OomScore::open()?, Vec::new())
        }
    };
    let open_files = rlimits::settle(&setup.rlimits, setup.isolation)?;
    silence_stderr().step("close stderr")?;
    let run = match &setup.storage {
        Storage::Host { run } => run,
        Storage::Mounted | Storage::Memory { .. } => Path::new(RUN),
    };
    let run = storage::run_directory(run)?;
    if setup.isolation == Isolation::Namespaces {
        // Last, for it holds for everything that follows.
        seccomp::install(setup.memory_is_counted)?;
    }
    let mut beside = vec![run.as_fd()];
    beside.extend(entrance.iter().map(AsFd::as_fd));
    tell(sockets, &Handshake::Ready, &beside)?;
    let terms = Terms {
        isolation: setup.isolation,
        open_files,
    };
    Ok(Some((terms, oom_score)))
}

/// In the new PID 1, inside at last, with what lets the zygote in; `None` in the process that gave
/// birth to it.
fn enter(
    sockets: &Sockets,
    setup: &Setup,
    storage: Option<OwnedFd>,
) -> Result<Option<(OomScore, Vec<OwnedFd>)>, StepError> {
    namespaces::unshare()?;
    tell(sockets, &Handshake::Unshared, &[])?;
    let Handshake::Mapped = hear(sockets)? else {
        return Err(out_of_turn());
    };
    root::make_private()?;
    let sources = root::gather(setup)?;
    let shim = match &setup.shim {
        Some(shim) => interpreter::gather(shim)?,
        None => Vec::new(),
    };
    privileges::become_user()?;
    if let Some(pid) = namespaces::clone_sibling()? {
        tell(sockets, &Handshake::Born { pid }, &[])?;
        return Ok(None);
    }
    // Two writers on one socket would mix: PID 1 is silent until the service has heard its parent.
    let Handshake::Go = hear(sockets)? else {
        return Err(out_of_turn());
    };
    privileges::die_with_service()?;
    let oom_score = OomScore::open()?;
    namespaces::hide_cgroup()?;
    network::raise_loopback()?;
    nix::unistd::sethostname(&setup.hostname).step("set the host name")?;
    root::build(sources, shim, setup, storage)?;
    let mut entrance = match setup.shim {
        Some(_) => namespaces::hold()?,
        None => Vec::new(),
    };
    privileges::drop_all()?;
    let rules = landlock::restrict(setup)?;
    if setup.shim.is_some() {
        entrance.extend(rules);
    }
    Ok(Some((oom_score, entrance)))
}

fn adopt_sockets() -> io::Result<Sockets> {
    privileges::close_inherited()?;
    // It was executed by a number.
    nix::sys::prctl::set_name(c"sandbox-init")?;
    let control = io::stdin().as_fd().try_clone_to_owned()?;
    let files = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::net::sockopt::socket_type(&control)?;
    rustix::net::sockopt::socket_type(&files)?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(Sockets { control, files })
}

/// The service's terminal is not for what runs inside.
fn silence_stderr() -> io::Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}

fn tell(
    sockets: &Sockets,
    message: &Handshake,
    beside: &[BorrowedFd<'_>],
) -> Result<(), StepError> {
    wire::send(&sockets.control, message, beside).step("speak to the service")
}

fn hear(sockets: &Sockets) -> Result<Handshake, StepError> {
    wire::receive(&sockets.control).step("listen to the service")
}

fn out_of_turn() -> StepError {
    StepError {
        step: "listen to the service".to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "a message out of turn"),
    }
}
