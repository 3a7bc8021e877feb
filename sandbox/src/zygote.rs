//! The zygote: one Python process of the service that has imported the libraries, and from which the
//! Python programs of all sandboxes are forked.
//!
//! It is started with the service and gets ready in some seconds; until then, and whenever it is
//! gone, Python starts in the plain way. A sandbox asks for nothing here: the service has the zygote
//! *enter* it once ([`Zygote::enter`]), and what enters is from then on one of the sandbox's own
//! programs, its fork server, which `shim` turns to. The parts in Python tell the details.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags};
use serde_json::json;
use thiserror::Error;
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::confinement::Confinement;
use crate::init::interpreter::SOCKET;
use crate::init::namespaces::NAMESPACES;
use crate::init::seccomp;
use crate::protocol::USER_ID;
use crate::sandbox::{HOME, RUN};
use crate::wire;

/// The program, and the parts that it is given, in the order in which they need each other.
const BOOTSTRAP: &str = include_str!("../python/zygote/bootstrap.py");
const PARTS: [(&str, &str); 9] = [
    ("pages", include_str!("../python/zygote/pages.py")),
    ("warm_up", include_str!("../python/zygote/warm_up.py")),
    ("shelf", include_str!("../python/zygote/shelf.py")),
    ("effects", include_str!("../python/zygote/effects.py")),
    ("confine", include_str!("../python/zygote/confine.py")),
    (
        "fork_server",
        include_str!("../python/zygote/fork_server.py"),
    ),
    (
        "first_frame",
        include_str!("../python/zygote/first_frame.py"),
    ),
    ("fresh", include_str!("../python/zygote/fresh.py")),
    ("zygote", include_str!("../python/zygote/zygote.py")),
];
/// The part that is not Python: a library, as a file.
const PAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pages.so"));
/// What it imports.
const LIBRARIES: &str = include_str!("../python/zygote/libraries.txt");

/// On a busy machine with cold files, imports take a while.
const READY_WITHIN: Duration = Duration::from_secs(180);
const ENTER_WITHIN: Duration = Duration::from_secs(10);
/// Between two attempts to start it.
const PAUSE: Duration = Duration::from_secs(5);

/// Why the zygote did not enter a sandbox. Python works there all the same.
#[derive(Debug, Error)]
pub enum EnterError {
    /// It is still importing, or it is gone.
    #[error("the zygote is not ready")]
    NotReady,
    /// It broke off.
    #[error("the zygote did not enter the sandbox: {0}")]
    Io(#[from] io::Error),
    /// A step inside failed.
    #[error("the zygote did not enter the sandbox: {0}")]
    Step(String),
}

/// The zygote's keeper. Dropping it ends the zygote.
pub struct Zygote {
    channel: watch::Receiver<Option<Channel>>,
    /// For sandboxes whose memory is counted by the kernel, and for others.
    filters: [Vec<String>; 2],
    _keeper: AbortOnDropHandle<()>,
}

/// How it is started.
#[derive(Debug)]
pub struct Start {
    /// The environment's Python, as programs name it.
    pub python: PathBuf,
    /// The program behind it.
    pub interpreter: PathBuf,
    /// The modules to load; `None`: what dashboards use.
    pub preload: Option<Vec<String>>,
    /// A directory for its libraries.
    pub scratch: PathBuf,
}

/// One message at a time.
type Channel = Arc<Mutex<UnixStream>>;

impl Zygote {
    /// Starts it, and starts it again whenever it ends.
    pub fn start(start: Start) -> io::Result<Self> {
        let (sender, channel) = watch::channel(None);
        let filters = |counted| seccomp::encoded(counted).map_err(io::Error::other);
        let filters = [filters(true)?, filters(false)?];
        let keeper = tokio::spawn(keep(start, sender));
        Ok(Self {
            channel,
            filters,
            _keeper: AbortOnDropHandle::new(keeper),
        })
    }

    /// Whether it can enter sandboxes now.
    pub fn is_ready(&self) -> bool {
        self.channel.borrow().is_some()
    }

    /// Resolves once it can.
    pub async fn ready(&self) {
        // The sender lives as long as the keeper, which lives as long as this.
        let _ = self.channel.clone().wait_for(Option::is_some).await;
    }

    /// Enters a sandbox by its namespaces and rules, in that order, and says as which process.
    /// Blocks for some milliseconds.
    pub fn enter(
        &self,
        entrance: &[OwnedFd],
        confinement: &Confinement,
    ) -> Result<i32, EnterError> {
        let channel = self.channel.borrow().clone();
        let channel = channel.ok_or(EnterError::NotReady)?;
        let (line, line_inside) = UnixStream::pair()?;
        line.set_read_timeout(Some(ENTER_WITHIN))?;
        let rlimits = confinement.rlimits();
        let message = json!({
            "namespaces": NAMESPACES.len(),
            "landlock": entrance.len() > NAMESPACES.len(),
            "seccomp": self.filters[usize::from(!confinement.memory_is_limited())],
            "user": USER_ID,
            "socket": Path::new(RUN).join(SOCKET),
            "limits": { "RLIMIT_DATA": rlimits.data, "RLIMIT_NPROC": rlimits.processes, "RLIMIT_NOFILE": rlimits.open_files, "RLIMIT_CORE": 0 },
        });
        let beside: Vec<BorrowedFd<'_>> = std::iter::once(line_inside.as_fd())
            .chain(entrance.iter().map(AsFd::as_fd))
            .collect();
        wire::send(
            &*channel.lock().unwrap_or_else(PoisonError::into_inner),
            &message,
            &beside,
        )?;
        drop(line_inside);
        let mut line = BufReader::new(line);
        // Under the sandbox's limits before it does anything there.
        confinement.admit(read_pid(&mut line)?)?;
        line.get_mut().write_all(b"g")?;
        let inside = read_pid(&mut line)?;
        let mut word = String::new();
        line.read_line(&mut word)?;
        match word.trim_end() {
            "ready" => Ok(inside),
            failure => Err(EnterError::Step(failure.to_owned())),
        }
    }
}

fn read_pid(line: &mut impl Read) -> io::Result<i32> {
    let mut bytes = [0; 4];
    line.read_exact(&mut bytes)?;
    Ok(i32::from_ne_bytes(bytes))
}

async fn keep(start: Start, channel: watch::Sender<Option<Channel>>) {
    loop {
        if let Err(error) = live(&start, &channel).await {
            tracing::warn!(%error, "no zygote: Python starts in the plain way; trying again");
        }
        channel.send_replace(None);
        tokio::time::sleep(PAUSE).await;
    }
}

/// One life of the zygote.
async fn live(start: &Start, channel: &watch::Sender<Option<Channel>>) -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    let bin = start.python.parent().unwrap_or(Path::new("/"));
    let copy = own_copy(&start.interpreter)?;
    let program = match &copy {
        Some(copy) => PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd())),
        None => start.interpreter.clone(),
    };
    let pages = start.scratch.join("pages.so");
    // Whoever has the old one mapped keeps it.
    let _ = std::fs::remove_file(&pages);
    std::fs::write(&pages, PAGES)?;
    let mut child = Command::new(program)
        // By this name the interpreter finds its environment.
        .arg0(&start.python)
        .args(["-c", BOOTSTRAP])
        .env_clear()
        // What libraries ask for while they are loaded has the answer that it has in a sandbox.
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
        )
        .envs([("HOME", HOME), ("USER", "user"), ("LANG", "C.UTF-8")])
        // One thread only: it could not fork otherwise.
        .env("OPENBLAS_NUM_THREADS", "1")
        .env("MPLCONFIGDIR", &start.scratch)
        // Before the interpreter makes its first object; the bootstrap takes it away again.
        .env("LD_PRELOAD", &pages)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(listen(stderr));
    }
    let usual = || LIBRARIES.split_whitespace().map(str::to_owned).collect();
    let libraries = start.preload.clone().unwrap_or_else(usual);
    let parts =
        json!({ "parts": PARTS, "libraries": libraries, "pages": pages, "scratch": start.scratch });
    let started = std::time::Instant::now();
    let hello = tokio::task::spawn_blocking(move || -> io::Result<UnixStream> {
        wire::send(&ours, &parts, &[])?;
        ours.set_read_timeout(Some(READY_WITHIN))?;
        let mut word = [0; 6];
        (&ours).read_exact(&mut word)?;
        Ok(ours)
    });
    let ours = hello.await.map_err(io::Error::from)??;
    tracing::info!(
        zygote.pid = child.id(),
        duration_ms = started.elapsed().as_millis(),
        "the zygote is ready"
    );
    channel.send_replace(Some(Arc::new(Mutex::new(ours))));
    let status = child.wait().await?;
    Err(io::Error::other(format!("it ended: {status}")))
}

/// A copy in memory of an interpreter that belongs to the service's own user.
///
/// Programs see the file that they run as `/proc/self/exe`, by way of the service's mounts and not of
/// the sandbox's read-only ones. Where they are the same user outside, they could change its mode.
/// Root's sandboxes are other users.
fn own_copy(interpreter: &Path) -> io::Result<Option<File>> {
    let user = nix::unistd::geteuid();
    let mut file = File::open(interpreter)?;
    if user.is_root() || file.metadata()?.uid() != user.as_raw() {
        return Ok(None);
    }
    let name = interpreter.file_name().unwrap_or_default();
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(rustix::fs::memfd_create(name, flags)?);
    io::copy(&mut file, &mut copy)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&copy, seals)?;
    Ok(Some(copy))
}

/// What its libraries say while they are imported.
async fn listen(stderr: tokio::process::ChildStderr) {
    use tokio::io::AsyncBufReadExt;
    let mut lines = tokio::io::BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!("the zygote says: {line}");
    }
}
