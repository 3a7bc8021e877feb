//! One sandbox: what it is made of, and what can be asked of it.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::confinement::Confinement;
use crate::egress::{Egress, EgressError, Policy, Surroundings};
use crate::envd::process::ProcessTable;
use crate::envd::watch::Watchers;
use crate::interpreter::Interpreter;
use crate::launch::Init;
use crate::lifecycle::{Lifecycle, OnTimeout};
use crate::limits::{Limit, Limits};
use crate::link::{Link, LinkError};
use crate::meters::Meters;
use crate::metrics::History;
use crate::outside_id::OutsideId;
use crate::place::{self, Place};
use crate::process::{Process, Spawn, SpawnError};
use crate::protocol::{Isolation, Request, SpawnRequest};

/// The home directory inside.
pub const HOME: &str = "/home/user";
/// The directory shared with the service, inside.
pub const RUN: &str = "/run/conductor";

/// Without a zygote Python starts, too.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// What a caller decides about a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The template it was asked for by; every template is the same here.
    pub template: String,
    /// The caller's labels.
    pub metadata: BTreeMap<String, String>,
    /// Environment of everything that runs in it.
    pub env_vars: BTreeMap<String, String>,
    /// Needed for calls to its envd and interpreter, when set.
    pub access_token: Option<String>,
    /// What becomes of it when its time is over.
    pub on_timeout: OnTimeout,
    /// Whether traffic brings it back when it is paused.
    pub auto_resume: bool,
    /// Who may reach its apps, and how they see it.
    pub ingress: Ingress,
}

/// How the apps of a sandbox are reached.
#[derive(Clone, Debug, Default)]
pub struct Ingress {
    /// Whoever reaches a port must show it, when set.
    pub traffic_token: Option<String>,
    /// The `Host` that apps see; `${PORT}` in it is the port.
    pub mask_request_host: Option<String>,
}

/// A sandbox that lives. It ends when it is killed, when its time is over, or when its init dies.
pub struct Sandbox {
    /// Lower-case letters and digits.
    pub id: String,
    /// What the caller decided.
    pub profile: Profile,
    /// When it was made.
    pub started_at: DateTime<Utc>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) control: Arc<Link>,
    pub(crate) files: Link,
    pub(crate) closed: CancellationToken,
    pub(crate) egress: Egress,
    pub(crate) meters: Arc<Meters>,
    pub(crate) processes: ProcessTable,
    pub(crate) watchers: Watchers,
    pub(crate) isolation: Isolation,
    /// True once it is decided how Python starts.
    pub(crate) settled: watch::Receiver<bool>,
    pub(crate) _fork_server: Option<AbortOnDropHandle<()>>,
    pub(crate) python: PathBuf,
    pub(crate) interpreter: OnceCell<Interpreter>,
    // In the order of their end: the processes, then their disk, then their user id.
    pub(crate) init: Init,
    pub(crate) confinement: Arc<Confinement>,
    pub(crate) history: History,
    pub(crate) run: OwnedFd,
    pub(crate) limits: Limits,
    pub(crate) ended: OnceCell<()>,
    pub(crate) place: Place,
    pub(crate) _outside: Option<OutsideId>,
}

/// Why a port inside could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error("the sandbox is running but port {0} is not open")]
    Closed(u16),
    /// The sandbox ended, or does not answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The system refused.
    #[error("cannot connect to port {port}: {source}")]
    Io {
        /// Port inside.
        port: u16,
        /// The system's text.
        source: std::io::Error,
    },
}

impl Sandbox {
    /// Starts a program in the sandbox's environment.
    pub async fn spawn(&self, spawn: Spawn) -> Result<Process, SpawnError> {
        self.settle().await;
        let mut env = self.environment();
        env.extend(spawn.env);
        let request = SpawnRequest {
            argv: spawn.argv,
            env,
            cwd: spawn
                .cwd
                .map_or_else(|| self.home(), |cwd| self.inside(&cwd)),
            stdin: spawn.stdin,
            stdout: spawn.stdout,
            stderr: spawn.stderr,
            pty: spawn.pty,
        };
        let started = Process::start(&self.control, request, spawn.kill_on_drop).await;
        started.map_err(|error| match error {
            SpawnError::Refused { program, errno, .. }
                if errno == libc::EAGAIN || errno == libc::ENOMEM =>
            {
                let limit = match errno {
                    libc::EAGAIN => Limit::Processes,
                    _ => Limit::Memory,
                };
                let text = self.limits.text(limit);
                SpawnError::Limit {
                    program,
                    limit,
                    text,
                }
            }
            other => other,
        })
    }

    /// From here on it is a caller's.
    pub(crate) fn claim(&mut self, profile: Profile, timeout: Duration) {
        self.started_at = Utc::now();
        self.lifecycle = Lifecycle::begin(self.started_at, timeout, profile.on_timeout);
        self.profile = profile;
    }

    /// A zygote that is entering is a matter of milliseconds, and worth them.
    async fn settle(&self) {
        let mut settled = self.settled.clone();
        // The sender goes once it is decided, too.
        let _ = tokio::time::timeout(SETTLE_WITHIN, settled.wait_for(|settled| *settled)).await;
    }

    /// Connects to a port on the sandbox's loopback.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, ConnectError> {
        match self.connect_family(port, false).await {
            // Some servers bind to ::1 only.
            Err(ConnectError::Closed(_)) => self.connect_family(port, true).await,
            outcome => outcome,
        }
    }

    async fn connect_family(&self, port: u16, ipv6: bool) -> Result<TcpStream, ConnectError> {
        let answer = match self.control.request(&Request::Connect { port, ipv6 }).await {
            Err(LinkError::Refused(_)) => return Err(ConnectError::Closed(port)),
            other => other?,
        };
        let io = |source| ConnectError::Io { port, source };
        let socket = answer
            .descriptors
            .into_iter()
            .next()
            .ok_or(LinkError::Mismatch)?;
        let socket = std::net::TcpStream::from(socket);
        socket.set_nonblocking(true).map_err(io)?;
        let socket = TcpStream::from_std(socket).map_err(io)?;
        socket.writable().await.map_err(io)?;
        match socket.take_error().map_err(io)? {
            None => {
                socket.set_nodelay(true).map_err(io)?;
                Ok(socket)
            }
            Some(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Err(ConnectError::Closed(port))
            }
            Some(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {
                Err(ConnectError::Closed(port))
            }
            Some(error) => Err(io(error)),
        }
    }

    /// Puts rules of whom it may reach into force.
    pub(crate) async fn apply(&self, policy: Policy) -> Result<(), EgressError> {
        let within = Surroundings {
            sandbox_id: &self.id,
            control: &self.control,
            files: &self.files,
            closed: &self.closed,
            meters: &self.meters,
        };
        self.egress.apply(policy, within).await
    }

    /// The directory shared with the service, as the service sees it for as long as it holds the
    /// sandbox. Short enough for a socket's path.
    ///
    /// Programs inside write to it: the service opens only names in it, without following links.
    pub fn run_dir_outside(&self) -> PathBuf {
        // Of a mount that no path of the service's leads to.
        PathBuf::from(format!("/proc/self/fd/{}", self.run.as_raw_fd()))
    }

    /// A path for a socket of the service's own, where nothing inside can reach it.
    pub(crate) fn socket_of_service(&self, name: &str) -> PathBuf {
        self.place.run().with_extension(name)
    }

    /// Bytes used on its disk, and bytes it holds.
    pub(crate) fn disk(&self) -> (u64, u64) {
        let disk = match self.isolation {
            Isolation::Namespaces => rustix::fs::fstatvfs(&self.run),
            Isolation::None => rustix::fs::statvfs(self.place.home()),
        };
        let Ok(disk) = disk else {
            return (0, self.limits.disk);
        };
        let used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
        match self.isolation {
            // What the file system needs for itself is on top of the limit, or nearly so.
            Isolation::Namespaces => (used, self.limits.disk),
            Isolation::None => (used, disk.f_blocks * disk.f_frsize),
        }
    }

    /// What a full disk is called.
    pub(crate) fn disk_full(&self) -> String {
        self.limits.text(self.no_space())
    }

    /// Which limit is hit where a file has no room: bytes, the number of files, or, in shared
    /// memory, memory.
    pub(crate) fn no_space(&self) -> Limit {
        match self.full_disk() {
            Some(limit) => limit,
            None if self.confinement.shared_memory_is_full() => Limit::Memory,
            None => Limit::Disk,
        }
    }

    /// The limit that a program ran into which was told that there is no space; `None` where there
    /// is room, so that it was space of another kind.
    pub(crate) fn no_room(&self) -> Option<Limit> {
        let full = self.full_disk();
        if full.is_some() || self.isolation == Isolation::None {
            return full;
        }
        if self.confinement.shared_memory_is_full() {
            return Some(Limit::Memory);
        }
        // The write that failed may have been a large one.
        let disk = rustix::fs::fstatvfs(&self.run).ok()?;
        (disk.f_bavail * disk.f_frsize < self.limits.disk / 16).then_some(Limit::Disk)
    }

    /// The limit of its disk that leaves no room now, if one does.
    pub(crate) fn full_disk(&self) -> Option<Limit> {
        let disk = rustix::fs::fstatvfs(&self.run).ok()?;
        if self.isolation == Isolation::None {
            // The machine's own, which others fill.
            None
        } else if disk.f_ffree == 0 {
            Some(Limit::Files)
        } else {
            (disk.f_bavail == 0).then_some(Limit::Disk)
        }
    }

    /// The same directory as everything inside sees it.
    pub fn run_dir_inside(&self) -> &Path {
        match self.isolation {
            Isolation::Namespaces => Path::new(RUN),
            Isolation::None => self.place.run(),
        }
    }

    /// The Python of the environment, at the same path inside and outside.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The home directory as everything inside sees it.
    pub fn home(&self) -> PathBuf {
        self.inside(Path::new(HOME))
    }

    /// Cancelled when the sandbox ends.
    pub fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// The slot of the code interpreter: made by its first use, dropped with the sandbox.
    ///
    /// Whatever lives in it must not hold the sandbox itself, or neither would ever be dropped.
    pub fn interpreter(&self) -> &OnceCell<Interpreter> {
        &self.interpreter
    }

    /// The environment every process starts with.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let bin = self.python.parent().unwrap_or(Path::new("/usr/bin"));
        let venv = bin.parent().unwrap_or(Path::new("/usr"));
        let mut env = BTreeMap::from([
            (
                "PATH".to_owned(),
                format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
            ),
            ("VIRTUAL_ENV".to_owned(), venv.display().to_string()),
            ("HOME".to_owned(), self.home().display().to_string()),
            ("USER".to_owned(), "user".to_owned()),
            ("LOGNAME".to_owned(), "user".to_owned()),
            ("SHELL".to_owned(), "/bin/bash".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("E2B_SANDBOX".to_owned(), "true".to_owned()),
            ("E2B_SANDBOX_ID".to_owned(), self.id.clone()),
        ]);
        env.extend(self.egress.environment());
        env.extend(self.profile.env_vars.clone());
        env
    }

    /// Ends everything in the sandbox and removes its directories. Later calls wait for the first.
    pub(crate) async fn end(&self) {
        self.ended
            .get_or_init(|| async {
                self.closed.cancel();
                self.control.close();
                self.files.close();
                // What is frozen may not even die.
                let _ = self.confinement.thaw();
                self.init.end().await;
                let (root, run) = self.place.paths();
                let confinement = self.confinement.clone();
                // Another thread, for a home of thousands of files takes its time.
                let _ = tokio::task::spawn_blocking(move || {
                    confinement.remove();
                    place::remove(&[root, run]);
                })
                .await;
            })
            .await;
    }

    /// The path inside that a caller's text means; `None` for another user's home (`~bob`).
    pub(crate) fn path_of(&self, path: &str) -> Option<PathBuf> {
        let other_home = path.starts_with('~') && path != "~" && !path.starts_with("~/");
        (!other_home).then(|| self.inside(Path::new(path)))
    }

    /// A caller's path as answers show it: absolute, and as if the sandbox had its own root.
    pub(crate) fn shown(&self, path: &str) -> PathBuf {
        absolute(Path::new(path))
    }

    /// The absolute path inside that a caller's path means.
    fn inside(&self, path: &Path) -> PathBuf {
        let absolute = absolute(path);
        match self.isolation {
            Isolation::Namespaces => absolute,
            // Without a root of its own, only the home directory has another place.
            Isolation::None => match absolute.strip_prefix(HOME) {
                Ok(rest) => self.place.home().join(rest),
                Err(_) => absolute,
            },
        }
    }
}

/// `~` and relative paths start at home, `.` and `..` are resolved by name. Links are followed
/// inside, by the init, never here.
fn absolute(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in Path::new(HOME)
        .join(path.strip_prefix("~").unwrap_or(path))
        .components()
    {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}
