//! The init's life: requests, and children that end.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::oom::OomScore;
use super::spawn::Terms;
use super::{Sockets, files, spawn, suspend};
use crate::protocol::{Exit, Failure, FromInit, Isolation, Numbered, Reply, Request};
use crate::wire;

/// Serves until the service closes the control socket, or it breaks.
pub fn serve(sockets: Sockets, terms: Terms, oom_score: OomScore) {
    let Sockets { control, files } = sockets;
    // Blocked before the thread starts, so that it inherits the mask and only we hear of children.
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    let Ok(signals) = children.thread_block().and_then(|()| {
        SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
    }) else {
        return;
    };
    thread::spawn(move || serve_files(files));
    let mut init = Init {
        control,
        spawned: HashSet::new(),
        oom_score,
        terms,
    };
    // An error here means that the service is gone.
    let _ = init.run(&signals);
    if terms.isolation == Isolation::None {
        kill_descendants();
    }
}

struct Init {
    control: OwnedFd,
    spawned: HashSet<Pid>,
    oom_score: OomScore,
    terms: Terms,
}

impl Init {
    fn run(&mut self, signals: &SignalFd) -> io::Result<()> {
        loop {
            let (readable, child) = {
                let mut polled = [
                    PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
                    PollFd::new(signals.as_fd(), PollFlags::POLLIN),
                ];
                match poll(&mut polled, PollTimeout::NONE) {
                    Err(Errno::EINTR) => continue,
                    outcome => outcome?,
                };
                (
                    polled[0].any().unwrap_or(true),
                    polled[1].any().unwrap_or(true),
                )
            };
            if child {
                while signals.read_signal()?.is_some() {}
                self.reap()?;
            }
            if readable {
                let message: Numbered<Request> = wire::receive(&self.control)?;
                self.answer(message)?;
            }
        }
    }

    /// Reaps whatever has ended: our children, and orphans that became ours.
    fn reap(&mut self) -> io::Result<()> {
        loop {
            let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if self.spawned.remove(&pid) {
                wire::send(
                    &self.control,
                    &FromInit::Exited {
                        pid: pid.as_raw() as u32,
                        exit,
                    },
                    &[],
                )?;
            }
        }
    }

    fn answer(&mut self, message: Numbered<Request>) -> io::Result<()> {
        let (reply, descriptors) = match message.request {
            Request::Spawn(request) => {
                match self.oom_score.raised(|| spawn::spawn(&request, self.terms)) {
                    Ok(spawned) => {
                        self.spawned.insert(Pid::from_raw(spawned.pid as i32));
                        (Reply::Spawned { pid: spawned.pid }, spawned.descriptors)
                    }
                    Err(failure) => (Reply::Failed(failure), Vec::new()),
                }
            }
            Request::Signal { pid, signal, group } => {
                (self.signal(pid, signal, group).into(), Vec::new())
            }
            Request::Suspend => (suspend::suspend(self.terms.isolation).into(), Vec::new()),
            Request::Resume => (suspend::resume(self.terms.isolation).into(), Vec::new()),
            Request::Connect { port, ipv6 } => with_descriptor(connect(port, ipv6)),
            Request::ListenTcp { port } => with_descriptor(listen_tcp(port)),
            Request::ListenUnix { path } => with_descriptor(listen_unix(&path)),
            request => files::answer(request),
        };
        let started = match &reply {
            Reply::Spawned { pid } => Some(Pid::from_raw(*pid as i32)),
            _ => None,
        };
        if !send(&self.control, message.id, reply, descriptors)?
            && let Some(pid) = started
        {
            // Nobody knows of it.
            self.spawned.remove(&pid);
            let _ = kill(pid, Signal::SIGKILL);
        }
        Ok(())
    }

    fn signal(&self, pid: u32, signal: i32, group: bool) -> io::Result<()> {
        let signal = Signal::try_from(signal)?;
        let pid = i32::try_from(pid)
            .ok()
            .filter(|pid| *pid > 1)
            .map(Pid::from_raw)
            .ok_or(Errno::ESRCH)?;
        let known = self.spawned.contains(&pid);
        match group {
            // A group may outlive its leader. In an own pid namespace its number can then only be
            // the sandbox's own; outside one it may by now be anyone's.
            true if known || self.terms.isolation == Isolation::Namespaces => {
                Ok(killpg(pid, signal)?)
            }
            false if known => Ok(kill(pid, signal)?),
            _ => Err(Errno::ESRCH.into()),
        }
    }
}

fn serve_files(socket: OwnedFd) {
    // Ends with the socket.
    while let Ok(message) = wire::receive::<Numbered<Request>>(&socket) {
        let (reply, descriptors) = files::answer(message.request);
        if send(&socket, message.id, reply, descriptors).is_err() {
            return;
        }
    }
}

/// `Ok(false)`: a failure was told in place of the reply. An error means that the socket broke.
fn send(socket: &OwnedFd, id: u64, reply: Reply, descriptors: Vec<OwnedFd>) -> io::Result<bool> {
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let failure = match wire::send(socket, &FromInit::Reply { id, reply }, &borrowed) {
        Ok(()) => return Ok(true),
        // In both cases nothing was sent. The answer is too long for a frame:
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Failure {
            errno: libc::E2BIG,
            message: error.to_string(),
        },
        // Programs, also of other sandboxes where all have one user outside, left many under way.
        Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => Failure {
            errno: libc::ETOOMANYREFS,
            message: "programs have too many descriptors under way between sockets; try again later, or raise the service's hard limit of open files".to_owned(),
        },
        Err(error) => return Err(error),
    };
    let reply = Reply::Failed(failure);
    wire::send(socket, &FromInit::Reply { id, reply }, &[])?;
    Ok(false)
}

/// Begins a connection; whether it comes about is seen by whoever holds the socket.
fn connect(port: u16, ipv6: bool) -> io::Result<OwnedFd> {
    let address: std::net::SocketAddr = match ipv6 {
        true => (std::net::Ipv6Addr::LOCALHOST, port).into(),
        false => (std::net::Ipv4Addr::LOCALHOST, port).into(),
    };
    let family = if ipv6 {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let socket = rustix::net::socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

fn listen_tcp(port: u16) -> io::Result<OwnedFd> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.into())
}

fn listen_unix(path: &Path) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(UnixListener::bind(path)?.into()),
    }
}

pub(super) fn with_descriptor(outcome: io::Result<OwnedFd>) -> (Reply, Vec<OwnedFd>) {
    match outcome {
        Ok(descriptor) => (Reply::Done, vec![descriptor]),
        Err(error) => (Reply::Failed(error.into()), Vec::new()),
    }
}

impl From<io::Result<()>> for Reply {
    fn from(outcome: io::Result<()>) -> Self {
        match outcome {
            Ok(()) => Self::Done,
            Err(error) => Self::Failed(error.into()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let errno = match error.kind() {
            // What the standard library refuses by itself: a path with a NUL.
            io::ErrorKind::InvalidInput => libc::EINVAL,
            _ => 0,
        };
        Self {
            errno: error.raw_os_error().unwrap_or(errno),
            message: error.to_string(),
        }
    }
}

/// Without a pid namespace: kills child after child; their children become ours and follow.
fn kill_descendants() {
    loop {
        for pid in suspend::children(Pid::this()) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        if let Err(Errno::ECHILD) = waitpid(None, None) {
            return;
        }
    }
}
