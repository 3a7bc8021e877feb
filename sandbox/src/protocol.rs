//! The messages between the service and a sandbox's init process.
//!
//! They travel over two unix socket pairs per sandbox: `control` (processes, connections) and
//! `files`, so that a slow walk through a directory never delays a signal. A watch has a third of its
//! own. Every message is one
//! [`wire`](crate::wire) frame; open descriptors travel beside it. The init runs with the rights of
//! the sandboxed user, so the service believes nothing it says about anything outside.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sandbox::{HOME, RUN};

/// The user, and the group, that everything inside a sandbox runs as.
pub const USER_ID: u32 = 1000;

/// Whether a sandbox has namespaces of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Isolation {
    /// Own user, pid, mount, network, ipc and uts namespaces, and an own root file system.
    Namespaces,
    /// Plain child processes of the service. Only for trusted code.
    None,
}

/// What the service tells a fresh init.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setup {
    /// How far to go.
    pub isolation: Isolation,
    /// The host name inside.
    pub hostname: String,
    /// What it may write.
    pub storage: Storage,
    /// Bytes of `/dev/shm`.
    pub shared_memory: u64,
    /// Whether a control group counts all memory, also what no process has mapped.
    pub memory_is_counted: bool,
    /// What each process may use.
    pub rlimits: Rlimits,
    /// Host paths that appear inside at the same place, read-only. Absent ones are an error.
    pub read_only: Vec<PathBuf>,
    /// What takes the place of the Python interpreter, if anything does.
    pub shim: Option<Shim>,
}

/// Where the shim is, and where it goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shim {
    /// On the host.
    pub program: PathBuf,
    /// The environment's `bin`, which it goes to.
    pub bin: PathBuf,
    /// The interpreter behind the environment's links.
    pub interpreter: PathBuf,
}

/// Limits of each process; see setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimits {
    /// Bytes of heap and other writable memory, reserved or used.
    pub data: u64,
    /// Processes and threads of the sandbox's user.
    pub processes: u64,
    /// Open descriptors.
    pub open_files: u64,
}

/// The file system a sandbox may write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// One with [`STORAGE_DIRECTORIES`]; the mount travels beside the message.
    Mounted,
    /// A tmpfs, which the init mounts.
    Memory {
        /// Room.
        bytes: u64,
        /// Files and directories.
        files: u64,
    },
    /// The machine's own, in a sandbox without a root of its own.
    Host {
        /// The directory in which programs and the service meet.
        run: PathBuf,
    },
}

/// The directories of a sandbox's storage: name, permissions, and where they appear inside.
pub const STORAGE_DIRECTORIES: [(&str, u32, &str); 4] = [
    ("home", 0o755, HOME),
    ("tmp", 0o1777, "/tmp"),
    ("var-tmp", 0o1777, "/var/tmp"),
    ("run", 0o700, RUN),
];

/// The steps of the start, in their order; the init speaks first.
#[derive(Debug, Serialize, Deserialize)]
pub enum Handshake {
    /// Service → init: begin.
    Setup(Setup),
    /// Init → service: in new namespaces, write the identity maps.
    Unshared,
    /// Service → init: the maps are written.
    Mapped,
    /// Init → service: the process that becomes PID 1, as the service's pid namespace numbers it.
    Born {
        /// Its pid outside.
        pid: i32,
    },
    /// Service → init: PID 1 may go on.
    Go,
    /// Init → service: the sandbox is built; requests are served from here on. The directory in
    /// which programs inside and the service meet travels beside the message; if there is a shim,
    /// so do the sandbox's namespaces and its Landlock rules.
    Ready,
    /// Init → service: a step failed; the init ends.
    Failed {
        /// What was being done, and the system's answer.
        message: String,
    },
}

/// A request with its id.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbered<R> {
    /// Chosen by the service.
    pub id: u64,
    /// What is wanted.
    pub request: R,
}

/// A request of the service, answered by exactly one [`Reply`] with the same id.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Start a program. The reply carries the service's ends of its pipes, or the terminal.
    Spawn(SpawnRequest),
    /// Send a signal to one process, or to its process group.
    Signal {
        /// As numbered inside.
        pid: u32,
        /// Signal number.
        signal: i32,
        /// Whether the whole group gets it.
        group: bool,
    },
    /// Stop everything but the init, where it is.
    Suspend,
    /// Let it go on.
    Resume,
    /// Begin a TCP connection to a loopback port; the reply carries the socket, still connecting.
    Connect {
        /// Port inside.
        port: u16,
        /// `::1` instead of `127.0.0.1`.
        ipv6: bool,
    },
    /// Listen on TCP port of the loopback; the reply carries the listening socket.
    ListenTcp {
        /// Port inside; 0 takes a free one.
        port: u16,
    },
    /// Listen on a unix socket, in place of whatever socket is there; the reply carries it.
    ListenUnix {
        /// Absolute path inside.
        path: PathBuf,
    },
    /// Open a file; the reply carries it.
    Open {
        /// Absolute path inside.
        path: PathBuf,
        /// What for.
        access: Access,
    },
    /// Watch a directory; the reply carries a socket, from which one [`Change`] a frame comes. A
    /// byte sent to it asks for [`Change::UpTo`]; closing it ends the watch.
    Watch {
        /// Absolute path inside.
        path: PathBuf,
        /// With all directories below.
        recursive: bool,
        /// Describe what changed.
        entries: bool,
    },
    /// Describe one path.
    Stat {
        /// Absolute path inside.
        path: PathBuf,
    },
    /// List a directory.
    List {
        /// Absolute path inside.
        path: PathBuf,
        /// 1 lists the directory itself, 2 its directories too, …
        depth: u32,
    },
    /// Make a directory with its parents.
    MakeDir {
        /// Absolute path inside.
        path: PathBuf,
    },
    /// Move a file or directory; the parents of the destination are made.
    Rename {
        /// Absolute path inside.
        from: PathBuf,
        /// Absolute path inside.
        to: PathBuf,
    },
    /// Remove a file, or a directory with all in it. An absent path is fine.
    Remove {
        /// Absolute path inside.
        path: PathBuf,
    },
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// To read it.
    Read,
    /// To write it; it must be new. Its parents are made.
    Create,
    /// To write over it; it keeps its content until then.
    Overwrite,
    /// To read and write a file without a name; the path names the directory it is in.
    Scratch,
}

/// What a watch tells, in the order it happened.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {
    /// Something happened to an entry.
    Entry {
        /// Path relative to the watched directory; `.` is the directory itself.
        name: String,
        /// What.
        event: FileEvent,
        /// The entry afterwards, if that was asked for and it is still there.
        entry: Option<Entry>,
    },
    /// Everything that happened before this many bytes had been sent to the watch has been told.
    UpTo(u64),
    /// The directory is gone; nothing follows.
    Over,
    /// Not everything could be told, for this reason; nothing follows.
    Lost(String),
}

/// The kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileEvent {
    /// It is new, or was moved here.
    Create,
    /// Its content changed.
    Write,
    /// It was removed.
    Remove,
    /// It was moved away.
    Rename,
    /// Its permissions, owner, times or attributes changed.
    Chmod,
}

/// A program to start.
#[derive(Debug, Serialize, Deserialize)]
pub struct SpawnRequest {
    /// Program and arguments; the program is looked up on the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Working directory inside.
    pub cwd: PathBuf,
    /// Whether stdin is a pipe (else `/dev/null`).
    pub stdin: bool,
    /// Whether stdout is a pipe (else `/dev/null`).
    pub stdout: bool,
    /// Whether stderr is a pipe (else `/dev/null`).
    pub stderr: bool,
    /// A terminal in place of all three pipes: columns and rows.
    pub pty: Option<(u16, u16)>,
}

/// Everything the init sends once it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromInit {
    /// Answers the request of this id.
    Reply {
        /// The request's id.
        id: u64,
        /// Its outcome.
        reply: Reply,
    },
    /// A process that a `Spawn` started has ended.
    Exited {
        /// As numbered inside.
        pid: u32,
        /// How.
        exit: Exit,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It went down with its sandbox.
    Lost,
}

/// The outcome of a [`Request`].
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Done; what was asked for travels beside the message.
    Done,
    /// Started, with this pid as numbered inside.
    Spawned {
        /// The pid.
        pid: u32,
    },
    /// One description.
    Entry(Entry),
    /// The directory's content, names relative to it.
    Entries(Vec<Entry>),
    /// Not done.
    Failed(Failure),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The system's error number, or 0.
    pub errno: i32,
    /// What happened, with the value.
    pub message: String,
}

/// A file, directory or link, as seen inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Path relative to the listed directory; empty for a single description.
    pub name: String,
    /// What it is, or what its link leads to.
    pub kind: EntryKind,
    /// Bytes, of a link the link's own.
    pub size: u64,
    /// The permission bits, of a link those of its target.
    pub mode: u32,
    /// `st_mode` of the path itself, type bits included.
    pub raw_mode: u32,
    /// Owned by the sandbox's user.
    pub own: bool,
    /// Last change of the content, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Where a link leads.
    pub symlink_target: Option<String>,
    /// Its attributes `user.e2b.*`, by what follows in the name.
    pub metadata: BTreeMap<String, String>,
}

/// The kinds of entry the file protocol distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// A link that leads nowhere.
    BrokenLink,
    /// Socket, pipe or device.
    Other,
}
