//! A Python kernel: ipykernel inside the sandbox, spoken to over unix sockets in its run directory.
//!
//! Nothing that the sandboxed program can touch is trusted: the kernel's text and settings go in by
//! stdin instead of files, and its sockets are opened without following links, so that a program
//! that puts a link in their place cannot lead the service anywhere else. What they say passes a
//! [`Relay`] first.

mod last_words;
mod listener;

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::{ExecuteRequest, JupyterMessage};
use jupyter_zmq_client::Connection;
use rustix::fs::{CWD, Mode, OFlags, openat};
use serde_json::json;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeromq::{
    DealerRecvHalf, DealerSendHalf, DealerSocket, Socket, SocketRecv, SubSocket, ZmqError,
};

use super::ending::{Done, Ending, Watch, describe};
use super::output::Output;
use super::relay::{Loss, Relay};
use crate::clock;
use crate::limits::Limit;
use crate::process::{Exit, Process, ProcessHandle, Spawn, SpawnError};
use crate::sandbox::Sandbox;
use last_words::{LastWords, listen_to_words};
use listener::{Listener, listen};

const PROGRAM: &str = include_str!("../../python/kernel.py");
/// Reads the program and its settings from the first line of stdin. The working directory is the
/// user's: a `json.py` there must not be the one that is imported.
const BOOTSTRAP: &str = "import sys; sys.path.pop(0); import json; \
    settings = json.loads(sys.stdin.readline()); sys.path.insert(0, ''); \
    exec(compile(settings.pop('program'), 'kernel.py', 'exec'))";
/// As `kernel.py` numbers them.
const SHELL_SOCKET: u8 = 1;
const IOPUB_SOCKET: u8 = 2;

const START_WITHIN: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Between a kernel's end and the last message of it that is still on the way.
const LAST_MESSAGES_WITHIN: Duration = Duration::from_millis(200);
/// What a kernel may print before it says that it is ready; what the user has Python run at its
/// start prints, too.
const FIRST_WORDS_BYTES: u64 = 16 * 1024;

/// Why a kernel did not start.
#[derive(Debug, Error)]
pub enum KernelError {
    /// Its process did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It ended by itself.
    #[error("the Python kernel ended while it started ({exit}): {words}")]
    Ended {
        /// How.
        exit: String,
        /// What it wrote last.
        words: String,
    },
    /// A limit ended it.
    #[error("the Python kernel ended while it started: {text}")]
    Limit {
        /// Which.
        limit: Limit,
        /// What it is called.
        text: String,
    },
    /// It hangs.
    #[error("the Python kernel was not ready within {} s", START_WITHIN.as_secs())]
    Slow,
    /// It could not be handed its settings.
    #[error("cannot talk to the Python kernel: {0}")]
    Io(#[from] io::Error),
    /// Its sockets do not answer.
    #[error("cannot connect to the Python kernel: {0}")]
    Connect(#[from] ZmqError),
}

/// A running kernel. Dropping it kills it and what it started.
pub(crate) struct Kernel {
    process: Process,
    shell: Connection<DealerSendHalf>,
    listener: Arc<Listener>,
    words: Arc<LastWords>,
    lost: watch::Receiver<Option<Loss>>,
    lasting: BTreeMap<String, String>,
    _readers: JoinSet<()>,
}

impl Kernel {
    /// Starts a kernel and waits until it can execute.
    pub(crate) async fn start(sandbox: &Sandbox, cwd: Option<&str>) -> Result<Self, KernelError> {
        let watch = Watch::new(sandbox);
        let name = format!("k{}", clock::random_id(8)?);
        let key = clock::random_id(32)?;
        let mut process = sandbox
            .spawn(Spawn {
                argv: vec![
                    sandbox.python().display().to_string(),
                    "-c".to_owned(),
                    BOOTSTRAP.to_owned(),
                ],
                cwd: cwd.map(Into::into),
                stdin: true,
                stdout: true,
                stderr: true,
                kill_on_drop: true,
                ..Spawn::default()
            })
            .await?;
        let words = Arc::new(LastWords::default());
        let mut readers = JoinSet::new();
        if let Some(stderr) = process.stderr.take() {
            readers.spawn(listen_to_words(stderr, words.clone()));
        }
        let handle = process.handle();
        let ready = hand_over(&mut process, sandbox.run_dir_inside(), &name, &key);
        tokio::select! {
            outcome = timeout(START_WITHIN, ready) => {
                match outcome.map_err(|_| KernelError::Slow)? {
                    Ok(stdout) => readers.spawn(listen_to_words(stdout, words.clone())),
                    Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => {
                        return Err(ended(&handle, &words, &mut readers, &watch).await);
                    }
                    Err(error) => return Err(error.into()),
                };
            }
            _ = handle.wait() => return Err(ended(&handle, &words, &mut readers, &watch).await),
        }
        let run = sandbox.run_dir_outside();
        let (loss, lost) = watch::channel(None);
        let mut addresses = Vec::new();
        for number in [SHELL_SOCKET, IOPUB_SOCKET] {
            let socket = open_socket(&run, &name, number)?;
            let own = sandbox.socket_of_service(&format!("{name}-{number}"));
            let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
            let relay = Relay::open(Path::new(&path), own).await?;
            addresses.push(relay.address());
            readers.spawn(tell_loss(relay, loss.clone()));
        }
        let connected = timeout(CONNECT_WITHIN, connect(&addresses[0], &addresses[1], &key)).await;
        let (shell, iopub) = connected.map_err(|_| KernelError::Slow)??;
        let (shell, replies) = shell.split();
        let listener = Arc::new(Listener::default());
        readers.spawn(listen(iopub, listener.clone()));
        readers.spawn(drain(replies));
        Ok(Self {
            process,
            shell,
            listener,
            words,
            lost,
            lasting: BTreeMap::new(),
            _readers: readers,
        })
    }

    /// Variables that the next execution sets for good. A kernel that takes its place has them from
    /// its start on.
    pub(crate) fn set_environment(&mut self, variables: BTreeMap<String, String>) {
        self.lasting = variables;
    }

    /// To signal it while it executes.
    pub(crate) fn process(&self) -> ProcessHandle {
        self.process.handle()
    }

    /// How it ended, if it did or is out of reach.
    pub(crate) fn exit(&self) -> Option<Exit> {
        let lost = self.lost.borrow().map(|_| Exit::Lost);
        self.process.handle().exit().or(lost)
    }

    /// Runs code and passes on its outputs until the kernel is done with it.
    ///
    /// An output nobody receives is dropped, so this also waits for an interrupted kernel.
    /// `Err` says how the kernel ended instead; it is of no use then.
    pub(crate) async fn execute(
        &mut self,
        code: &str,
        env_vars: &BTreeMap<String, String>,
        watch: &Watch<'_>,
        outputs: &mpsc::Sender<Output>,
    ) -> Result<Done, Ending> {
        let request = ExecuteRequest {
            code: code.to_owned(),
            silent: false,
            store_history: true,
            user_expressions: None,
            allow_stdin: false,
            stop_on_error: false,
        };
        let lasting = std::mem::take(&mut self.lasting);
        let request = JupyterMessage::new(request, None)
            .with_metadata(json!({ "env_vars": env_vars, "lasting_env_vars": lasting }));
        let mut messages = self.listener.begin(request.header.msg_id.clone());
        let handle = self.process.handle();
        if let Err(error) = self.shell.send(request).await {
            tracing::debug!("a kernel takes no request: {error}");
            return Err(self.parted(watch).await);
        }
        let mut failed = false;
        let mut lost = self.lost.clone();
        let exit = tokio::select! {
            biased;
            done = messages.pass_on(&mut failed, watch, outputs) => {
                if done {
                    return Ok(Done { failed });
                }
                return Err(self.parted(watch).await);
            }
            exit = handle.wait() => Some(exit),
            () = is_lost(&mut lost) => None,
        };
        let last = messages.pass_on(&mut failed, watch, outputs);
        let _ = timeout(LAST_MESSAGES_WITHIN, last).await;
        Err(match exit {
            Some(exit) => self.ending(exit, watch),
            None => self.parted(watch).await,
        })
    }

    fn ending(&self, exit: Exit, watch: &Watch<'_>) -> Ending {
        watch.ending("the Python kernel", exit, self.words.get())
    }

    /// The ending of one that is out of reach: its own, or it is of no use any more.
    async fn parted(&self, watch: &Watch<'_>) -> Ending {
        let mut lost = self.lost.clone();
        // Its relay tells why a moment after it has let go.
        let _ = timeout(LAST_MESSAGES_WITHIN, is_lost(&mut lost)).await;
        let loss = *lost.borrow();
        let why = match loss {
            Some(Loss::Cut(breach)) => format!("sent {breach}"),
            // As a rule it closed its side because it ends.
            Some(Loss::Closed) | None => {
                match timeout(CONNECT_WITHIN, self.process.handle().wait()).await {
                    Ok(exit) => return self.ending(exit, watch),
                    Err(_) => "closed its connection to the service".to_owned(),
                }
            }
        };
        Ending::stopped("the Python kernel", &why, self.words.get())
    }
}

/// Waits for the end of a relay, and keeps the first that is told.
async fn tell_loss(relay: Relay, lost: watch::Sender<Option<Loss>>) {
    let loss = relay.run().await;
    if let Loss::Cut(breach) = loss {
        tracing::warn!("a kernel sent {breach}; it is ended");
    }
    lost.send_if_modified(|first| {
        let is_first = first.is_none();
        if is_first {
            *first = Some(loss);
        }
        is_first
    });
}

/// Never returns while the kernel is in reach.
async fn is_lost(lost: &mut watch::Receiver<Option<Loss>>) {
    if lost.wait_for(Option::is_some).await.is_err() {
        pending().await
    }
}

/// Gives a fresh kernel its settings and waits for its word that it is ready.
async fn hand_over(
    process: &mut Process,
    run: &Path,
    name: &str,
    key: &str,
) -> io::Result<pipe::Receiver> {
    let settings = json!({ "program": PROGRAM, "socket": run.join(name), "key": key });
    let stdin = process.stdin.take();
    let mut stdin = stdin.ok_or_else(|| io::Error::other("the kernel has no stdin"))?;
    stdin.write_all(format!("{settings}\n").as_bytes()).await?;
    drop(stdin);
    let stdout = process.stdout.take();
    until_ready(stdout.ok_or_else(|| io::Error::other("the kernel has no stdout"))?).await
}

async fn until_ready<R: AsyncRead + Unpin>(stdout: R) -> io::Result<R> {
    let mut stdout = BufReader::new(stdout).take(FIRST_WORDS_BYTES);
    let mut line = Vec::new();
    while line != b"ready\n" {
        line.clear();
        if stdout.read_until(b'\n', &mut line).await? == 0 {
            return Err(match stdout.limit() {
                0 => io::Error::other(format!(
                    "it printed more than {} KiB before it was ready; see what Python runs at its start in the sandbox",
                    FIRST_WORDS_BYTES >> 10
                )),
                _ => io::ErrorKind::UnexpectedEof.into(),
            });
        }
    }
    Ok(stdout.into_inner().into_inner())
}

async fn ended(
    handle: &ProcessHandle,
    words: &LastWords,
    readers: &mut JoinSet<()>,
    watch: &Watch<'_>,
) -> KernelError {
    let exit = timeout(CONNECT_WITHIN, handle.wait())
        .await
        .unwrap_or(Exit::Lost);
    // Its stderr ends with it; a child that holds it open is not waited for.
    let _ = timeout(LAST_MESSAGES_WITHIN, readers.join_next()).await;
    if let Some((limit, text)) = watch.hit() {
        return KernelError::Limit { limit, text };
    }
    KernelError::Ended {
        exit: describe(exit),
        words: words.get(),
    }
}

fn open_socket(run: &Path, name: &str, number: u8) -> io::Result<OwnedFd> {
    let path = run.join(format!("{name}-{number}"));
    Ok(openat(
        CWD,
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

async fn connect(
    shell_address: &str,
    iopub_address: &str,
    key: &str,
) -> Result<(Connection<DealerSocket>, Connection<SubSocket>), ZmqError> {
    let mut shell = DealerSocket::new();
    shell.connect(shell_address).await?;
    let mut iopub = SubSocket::new();
    iopub.subscribe("").await?;
    iopub.connect(iopub_address).await?;
    // The kernel greets a subscriber; before that, its outputs would go nowhere.
    iopub.recv().await?;
    let session = "conductor";
    Ok((
        Connection::new(shell, key, session),
        Connection::new(iopub, key, session),
    ))
}

/// The replies say nothing that the broadcasts do not.
async fn drain(mut replies: Connection<DealerRecvHalf>) {
    while replies.socket.recv().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kernel_is_ready_when_it_says_so_whatever_is_printed_before() {
        let rest = until_ready(&b"hello\n\xff\nready\n"[..]).await;
        assert_eq!(rest.expect("it is ready"), b"");
        let error = until_ready(&b"hello\nread"[..]).await;
        assert_eq!(
            error.expect_err("it is not").kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[tokio::test]
    async fn a_kernel_that_only_prints_is_given_up() {
        for endless in [b'x', b'\n'] {
            let Err(error) = until_ready(tokio::io::repeat(endless)).await else {
                panic!("it is never ready");
            };
            let error = error.to_string();
            assert!(error.contains("more than 16 KiB"), "{error}");
        }
    }
}
