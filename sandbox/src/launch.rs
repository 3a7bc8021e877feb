//! Starting inits, and being sure that they end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use crate::confinement::Confinement;
use crate::outside_process::OutsideProcess;
use crate::protocol::{Handshake, Isolation, Setup, USER_ID};
use crate::wire;

/// Each step of an init's start takes milliseconds.
const STEP_WITHIN: Duration = Duration::from_secs(20);
/// Without namespaces, an init kills its children one by one before it ends.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Why an init did not start.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The program could not be executed, or sockets could not be made.
    #[error("cannot run '{}': {source}", .program.display())]
    Program {
        /// Where it lies.
        program: PathBuf,
        /// The system's text.
        source: io::Error,
    },
    /// A step inside failed.
    #[error("{0}")]
    Step(String),
    /// The identity maps were not accepted.
    #[error("cannot map the sandbox's user to user {outside}: {source}; choose another --uid-base")]
    Identity {
        /// The outside user id.
        outside: u32,
        /// The system's text.
        source: io::Error,
    },
    /// It could not be put into its control group.
    #[error(
        "cannot put the sandbox into its control group: {0}; see that /sys/fs/cgroup stays as it was when the service started"
    )]
    Limits(io::Error),
    /// The init ended, hung, or said something out of turn.
    #[error("the init broke off while it was to {step}: {source}")]
    Handshake {
        /// What was expected of it.
        step: &'static str,
        /// The system's text.
        source: io::Error,
    },
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Closing,
}

/// A started init, with the service's ends of its sockets.
pub struct Launched {
    /// The process.
    pub init: Init,
    /// For processes and connections.
    pub control: UnixStream,
    /// For files.
    pub files: UnixStream,
    /// The directory in which programs inside and the service meet.
    pub run: OwnedFd,
    /// What lets the zygote in: the namespaces, then the Landlock rules, if there are any.
    pub entrance: Vec<OwnedFd>,
}

/// Who the sandbox's user is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// This user id and group id, which nobody else uses. Needs root.
    Id(u32),
    /// The service's own user: an ordinary user can map no other.
    Own,
}

/// Starts inits from one thread that lives as long as the service.
///
/// The kernel ties "die with your parent" to the parent's *thread*: on a pooled thread, an idle
/// minute would kill sandboxes.
pub struct Launcher {
    program: PathBuf,
    /// The program itself: another build that takes its place later would speak another protocol.
    opened: OwnedFd,
    orders: mpsc::Sender<Order>,
}

struct Order {
    command: Command,
    started: mpsc::Sender<io::Result<std::process::Child>>,
}

impl Launcher {
    /// `program` becomes the inits.
    pub fn new(program: PathBuf) -> Result<Self, LaunchError> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let opened = match rustix::fs::open(&program, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(error) => {
                let source = error.into();
                return Err(LaunchError::Program { program, source });
            }
        };
        let (orders, incoming) = mpsc::channel::<Order>();
        thread::spawn(move || {
            while let Ok(mut order) = incoming.recv() {
                // If nobody waits any more, the dropped sockets end the init.
                let _ = order.started.send(order.command.spawn());
            }
        });
        Ok(Self {
            program,
            opened,
            orders,
        })
    }

    /// Starts an init and sees it through to `Ready`. Blocks for some milliseconds.
    /// `storage` is the mounted file system, where the setup says that there is one.
    pub fn launch(
        &self,
        setup: Setup,
        storage: Option<OwnedFd>,
        outside: Outside,
        confinement: &Confinement,
    ) -> Result<Launched, LaunchError> {
        let program_error = |source| LaunchError::Program {
            program: self.program.clone(),
            source,
        };
        let isolation = setup.isolation;
        let (control, control_inside) = UnixStream::pair().map_err(program_error)?;
        let (files, files_inside) = UnixStream::pair().map_err(program_error)?;
        control
            .set_read_timeout(Some(STEP_WITHIN))
            .map_err(program_error)?;
        let mut command = Command::new(format!("/proc/self/fd/{}", self.opened.as_raw_fd()));
        command.arg0("sandbox-init").env_clear().current_dir("/");
        command
            .stdin(Stdio::from(OwnedFd::from(control_inside)))
            .stdout(Stdio::from(OwnedFd::from(files_inside)));
        // Ctrl-C in the service's terminal is for the service.
        command.process_group(0);
        let (started, child) = mpsc::channel();
        self.orders
            .send(Order { command, started })
            .map_err(|_| LaunchError::Closing)?;
        let mut child = child
            .recv()
            .map_err(|_| LaunchError::Closing)?
            .map_err(program_error)?;
        let outcome = Self::shake_hands(&control, setup, storage, outside, confinement, child.id());
        let pid = match (&outcome, isolation) {
            // With namespaces the first process has only given birth to the init.
            (Ok((born, _)), _) => born.unwrap_or(child.id() as i32),
            (Err(_), _) => child.id() as i32,
        };
        if outcome.is_err() || isolation == Isolation::Namespaces {
            drop(outcome.is_err().then(|| child.kill()));
            child.wait().map_err(program_error)?;
        }
        let (_, mut ready) = outcome?;
        let entrance = ready.split_off(1);
        let run = ready.pop().ok_or_else(|| out_of_turn("get ready"))?;
        let init = Init::adopt(pid, isolation).map_err(program_error)?;
        control.set_read_timeout(None).map_err(program_error)?;
        Ok(Launched {
            init,
            control,
            files,
            run,
            entrance,
        })
    }

    /// The service's side of the handshake; the pid of PID 1 if it is another process, and the
    /// descriptors that came with its readiness: at least one.
    fn shake_hands(
        control: &UnixStream,
        setup: Setup,
        storage: Option<OwnedFd>,
        outside: Outside,
        confinement: &Confinement,
        child: u32,
    ) -> Result<(Option<i32>, Vec<OwnedFd>), LaunchError> {
        let isolation = setup.isolation;
        if isolation == Isolation::None {
            // It becomes the init itself.
            confinement
                .hold(child as i32)
                .map_err(LaunchError::Limits)?;
        }
        let step = "begin";
        let beside: Vec<_> = storage.iter().map(AsFd::as_fd).collect();
        wire::send(control, &Handshake::Setup(setup), &beside)
            .map_err(|source| LaunchError::Handshake { step, source })?;
        // The init's from here on.
        drop(storage);
        if isolation == Isolation::None {
            return Ok((None, hear_ready(control, "get ready")?));
        }
        let Handshake::Unshared = hear(control, "make namespaces")? else {
            return Err(out_of_turn("make namespaces"));
        };
        map_identity(child, outside)?;
        tell(control, "become the inside user", &Handshake::Mapped)?;
        let Handshake::Born { pid } = hear(control, "start PID 1")? else {
            return Err(out_of_turn("start PID 1"));
        };
        // Before it can start anything.
        confinement.hold(pid).map_err(LaunchError::Limits)?;
        tell(control, "build the root file system", &Handshake::Go)?;
        let ready = hear_ready(control, "build the root file system")?;
        Ok((Some(pid), ready))
    }
}

fn map_identity(pid: u32, outside: Outside) -> Result<(), LaunchError> {
    let (user, group) = match outside {
        Outside::Id(id) => (id, id),
        Outside::Own => (
            nix::unistd::geteuid().as_raw(),
            nix::unistd::getegid().as_raw(),
        ),
    };
    let write = || {
        if outside == Outside::Own {
            // The kernel's condition for an ordinary user's group map.
            std::fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
        }
        std::fs::write(
            format!("/proc/{pid}/uid_map"),
            format!("{USER_ID} {user} 1"),
        )?;
        std::fs::write(
            format!("/proc/{pid}/gid_map"),
            format!("{USER_ID} {group} 1"),
        )
    };
    write().map_err(|source| LaunchError::Identity {
        outside: user,
        source,
    })
}

fn tell(control: &UnixStream, step: &'static str, message: &Handshake) -> Result<(), LaunchError> {
    wire::send(control, message, &[]).map_err(|source| LaunchError::Handshake { step, source })
}

fn hear(control: &UnixStream, step: &'static str) -> Result<Handshake, LaunchError> {
    Ok(hear_all(control, step)?.0)
}

fn hear_all(
    control: &UnixStream,
    step: &'static str,
) -> Result<(Handshake, Vec<OwnedFd>), LaunchError> {
    match wire::receive_all(control).map_err(|source| LaunchError::Handshake { step, source })? {
        (Handshake::Failed { message }, _) => Err(LaunchError::Step(message)),
        heard => Ok(heard),
    }
}

fn hear_ready(control: &UnixStream, step: &'static str) -> Result<Vec<OwnedFd>, LaunchError> {
    match hear_all(control, step)? {
        (Handshake::Ready, beside) if !beside.is_empty() => Ok(beside),
        _ => Err(out_of_turn(step)),
    }
}

fn out_of_turn(step: &'static str) -> LaunchError {
    LaunchError::Handshake {
        step,
        source: io::Error::new(io::ErrorKind::InvalidData, "a message out of turn"),
    }
}

/// A running init. Killed and reaped when dropped, and with it everything in its sandbox.
pub struct Init {
    /// As numbered outside.
    pub pid: i32,
    process: OutsideProcess,
    isolation: Isolation,
}

impl Init {
    fn adopt(pid: i32, isolation: Isolation) -> io::Result<Self> {
        Ok(Self {
            pid,
            process: OutsideProcess::hold(pid)?,
            isolation,
        })
    }

    /// Resolves when the init has ended, by itself or by [`Init::end`].
    pub async fn ended(&self) {
        self.process.ended().await;
    }

    /// Ends the sandbox's processes and waits until all are gone. Its sockets must be closed by now.
    pub async fn end(&self) {
        if self.isolation == Isolation::None
            && tokio::time::timeout(END_WITHIN, self.ended())
                .await
                .is_err()
        {
            tracing::warn!(
                init.pid = self.pid,
                "the init did not end by itself; its children may live on"
            );
        }
        self.process.kill();
        self.ended().await;
        self.process.reap();
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.process.kill();
        // The kernel ends the whole pid namespace before PID 1 can be reaped: a matter of milliseconds.
        self.process.reap();
    }
}
