//! A process inside a sandbox, as the service holds it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::signal::Signal;
use rustix::termios::Winsize;
use thiserror::Error;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::limits::Limit;
use crate::link::{Link, LinkError};
pub use crate::protocol::Exit;
use crate::protocol::{Reply, Request, SpawnRequest};

/// A program to start inside a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// Program and arguments. A bare program name is looked up on the sandbox's `PATH`.
    pub argv: Vec<String>,
    /// Added to the sandbox's environment (`PATH`, `HOME`, … and its own variables); wins over it.
    pub env: BTreeMap<String, String>,
    /// Working directory inside; the home directory if `None`.
    pub cwd: Option<PathBuf>,
    /// Give it a pipe as stdin (else `/dev/null`).
    pub stdin: bool,
    /// Give it a pipe as stdout (else `/dev/null`).
    pub stdout: bool,
    /// Give it a pipe as stderr (else `/dev/null`).
    pub stderr: bool,
    /// A terminal (columns, rows) in place of the three pipes: read from `stdout`, write to `stdin`.
    pub pty: Option<(u16, u16)>,
    /// Kill its process group when the [`Process`] is dropped.
    pub kill_on_drop: bool,
}

/// Why a program did not start.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// No such directory inside.
    #[error("cwd '{}' does not exist", .0.display())]
    NoDirectory(PathBuf),
    /// The system refused.
    #[error("cannot start '{program}': {reason}")]
    Refused {
        /// As asked for.
        program: String,
        /// The system's text.
        reason: String,
        /// The system's number.
        errno: i32,
    },
    /// A limit of the sandbox is in the way.
    #[error("cannot start '{program}': {text}; end some programs in the sandbox first")]
    Limit {
        /// As asked for.
        program: String,
        /// Which.
        limit: Limit,
        /// What it is called.
        text: String,
    },
    /// The sandbox ended, or does not answer.
    #[error(transparent)]
    Link(LinkError),
    /// The service cannot use the pipes.
    #[error("cannot use the pipes of '{program}': {source}")]
    Pipes {
        /// As asked for.
        program: String,
        /// The system's text.
        source: std::io::Error,
    },
}

/// A started process. It leads its own session and process group.
pub struct Process {
    /// As numbered inside.
    pub pid: u32,
    /// Its stdin, if asked for. Drop it to close.
    pub stdin: Option<pipe::Sender>,
    /// Its stdout, or its terminal's output.
    pub stdout: Option<pipe::Receiver>,
    /// Its stderr.
    pub stderr: Option<pipe::Receiver>,
    handle: ProcessHandle,
    kill_on_drop: bool,
}

/// What can be asked of a process by others than its owner.
#[derive(Clone)]
pub struct ProcessHandle {
    pid: u32,
    control: Arc<Link>,
    exit: watch::Receiver<Option<Exit>>,
    terminal: Option<Arc<OwnedFd>>,
}

impl Process {
    pub(crate) async fn start(
        control: &Arc<Link>,
        request: SpawnRequest,
        kill_on_drop: bool,
    ) -> Result<Self, SpawnError> {
        let program = request.argv.first().cloned().unwrap_or_default();
        let (stdin, stdout, stderr, pty) =
            (request.stdin, request.stdout, request.stderr, request.pty);
        let cwd = request.cwd.clone();
        let answer =
            control
                .request(&Request::Spawn(request))
                .await
                .map_err(|error| match error {
                    LinkError::Refused(failure) if failure.errno == libc::ENOTDIR => {
                        SpawnError::NoDirectory(cwd)
                    }
                    LinkError::Refused(failure) => SpawnError::Refused {
                        program: program.clone(),
                        errno: failure.errno,
                        reason: failure.message,
                    },
                    other => SpawnError::Link(other),
                })?;
        let (Reply::Spawned { pid }, Some(exit)) = (answer.reply, answer.exit) else {
            return Err(SpawnError::Link(LinkError::Mismatch));
        };
        let mut descriptors = answer.descriptors.into_iter();
        let mut next = || {
            descriptors
                .next()
                .ok_or(SpawnError::Link(LinkError::Mismatch))
        };
        let pipes = |source| SpawnError::Pipes {
            program: program.clone(),
            source,
        };
        let mut process = Self {
            pid,
            stdin: None,
            stdout: None,
            stderr: None,
            handle: ProcessHandle {
                pid,
                control: control.clone(),
                exit,
                terminal: None,
            },
            kill_on_drop,
        };
        if pty.is_some() {
            let terminal = next()?;
            process.handle.terminal = Some(Arc::new(terminal.try_clone().map_err(pipes)?));
            process.stdin = Some(
                pipe::Sender::from_owned_fd_unchecked(
                    nonblocking(terminal.try_clone().map_err(pipes)?).map_err(pipes)?,
                )
                .map_err(pipes)?,
            );
            process.stdout = Some(
                pipe::Receiver::from_owned_fd_unchecked(nonblocking(terminal).map_err(pipes)?)
                    .map_err(pipes)?,
            );
            return Ok(process);
        }
        if stdin {
            process.stdin = Some(pipe::Sender::from_owned_fd(next()?).map_err(pipes)?);
        }
        if stdout {
            process.stdout = Some(pipe::Receiver::from_owned_fd(next()?).map_err(pipes)?);
        }
        if stderr {
            process.stderr = Some(pipe::Receiver::from_owned_fd(next()?).map_err(pipes)?);
        }
        Ok(process)
    }

    /// For those who only wait or signal.
    pub fn handle(&self) -> ProcessHandle {
        self.handle.clone()
    }

    /// Waits for its end. Its descendants may live on.
    pub async fn wait(&self) -> Exit {
        self.handle.wait().await
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        self.handle.signal(signal);
    }

    /// Sends a signal to its whole process group.
    pub fn signal_group(&self, signal: Signal) {
        self.handle.signal_group(signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill_on_drop {
            self.handle.signal_group(Signal::SIGKILL);
        }
    }
}

impl ProcessHandle {
    /// As numbered inside.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender vanishes without a value when the sandbox ends.
        exit.wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit)
            .unwrap_or(Exit::Lost)
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        match (*self.exit.borrow(), self.exit.has_changed()) {
            (Some(exit), _) => Some(exit),
            (None, Err(_)) => Some(Exit::Lost),
            (None, Ok(_)) => None,
        }
    }

    /// Sends a signal to the process alone; one that has ended is left in peace.
    pub fn signal(&self, signal: Signal) {
        self.send(signal, false);
    }

    /// Sends a signal to its whole process group, also to what outlived its leader.
    pub fn signal_group(&self, signal: Signal) {
        self.send(signal, true);
    }

    /// Tells its terminal a new size.
    pub fn resize(&self, columns: u16, rows: u16) -> std::io::Result<()> {
        let Some(terminal) = &self.terminal else {
            return Err(std::io::Error::new(
                std::io::ErrorKind::Unsupported,
                format!("process {} has no terminal", self.pid),
            ));
        };
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(rustix::termios::tcsetwinsize(terminal.as_fd(), size)?)
    }

    fn send(&self, signal: Signal, group: bool) {
        self.control.notify(&Request::Signal {
            pid: self.pid,
            signal: signal as i32,
            group,
        });
    }
}

fn nonblocking(descriptor: OwnedFd) -> std::io::Result<OwnedFd> {
    let flags = rustix::fs::fcntl_getfl(&descriptor)?;
    rustix::fs::fcntl_setfl(&descriptor, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(descriptor)
}
