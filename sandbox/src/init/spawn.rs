//! Starting programs: pipes or a terminal, a session of their own, and exec.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::PipeFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::protocol::{Failure, Isolation, SpawnRequest};

/// What holds for every program.
#[derive(Clone, Copy)]
pub struct Terms {
    /// Whether the sandbox has namespaces.
    pub isolation: Isolation,
    /// Files that one process may have open; the init may have more.
    pub open_files: u64,
}

/// A started program.
pub struct Spawned {
    /// As numbered here.
    pub pid: u32,
    /// The service's ends: of stdin, stdout, stderr as far as asked for, or the terminal.
    pub descriptors: Vec<OwnedFd>,
}

/// Starts a program. A missing working directory is `ENOTDIR`, so that it differs from a missing program.
pub fn spawn(request: &SpawnRequest, terms: Terms) -> Result<Spawned, Failure> {
    if !fs::metadata(&request.cwd).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Failure {
            errno: libc::ENOTDIR,
            message: format!("cwd '{}' does not exist", request.cwd.display()),
        });
    }
    let Some((program, arguments)) = request.argv.split_first() else {
        return Err(Failure {
            errno: libc::EINVAL,
            message: "no program is named".to_owned(),
        });
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&request.env)
        .current_dir(&request.cwd);
    let descriptors = match request.pty {
        Some((columns, rows)) => terminal(&mut command, columns, rows)?,
        None => pipes(&mut command, request)?,
    };
    let with_terminal = request.pty.is_some();
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(move || detach(with_terminal, terms)) };
    let child = command.spawn()?;
    Ok(Spawned {
        pid: child.id(),
        descriptors,
    })
}

/// In the child, before exec.
fn detach(with_terminal: bool, terms: Terms) -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    setrlimit(Resource::RLIMIT_NOFILE, terms.open_files, terms.open_files)?;
    rustix::process::setsid()?;
    if with_terminal {
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    }
    if terms.isolation == Isolation::None {
        // With a pid namespace the kernel does this, thoroughly.
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    }
    Ok(())
}

fn pipes(command: &mut Command, request: &SpawnRequest) -> io::Result<Vec<OwnedFd>> {
    let mut ours = Vec::new();
    // Made here, not by the service: `/dev/stdout` can be opened again only by the pipe's owner.
    let mut pipe = |wanted: bool, child_reads: bool| -> io::Result<Stdio> {
        if !wanted {
            return Ok(Stdio::null());
        }
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (theirs, kept) = if child_reads {
            (reader, writer)
        } else {
            (writer, reader)
        };
        ours.push(kept);
        Ok(theirs.into())
    };
    let stdin = pipe(request.stdin, true)?;
    let stdout = pipe(request.stdout, false)?;
    let stderr = pipe(request.stderr, false)?;
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    Ok(ours)
}

fn terminal(command: &mut Command, columns: u16, rows: u16) -> io::Result<Vec<OwnedFd>> {
    let master =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(
        name,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::termios::tcsetwinsize(
        &slave,
        Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )?;
    command
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave);
    Ok(vec![master])
}
