//! The service's end of a socket to an init: requests out, replies and exits in.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::protocol::{Exit, Failure, FromInit, Numbered, Reply, Request};
use crate::wire::{self, Incoming};

/// An init that is alive answers in milliseconds; a walk through a huge tree may take a while.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Why a request to an init had no result.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The init refused, or the system did.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// The sandbox has ended.
    #[error("the sandbox has ended")]
    Gone,
    /// The init is alive but silent.
    #[error("the sandbox did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent,
    /// The init sent something that does not answer the request.
    #[error("the sandbox gave an answer that does not fit the request")]
    Mismatch,
    /// The request does not fit into a message.
    #[error("the request cannot be sent to the sandbox: {0}")]
    Unsendable(io::Error),
}

impl LinkError {
    /// The system's error number, where the system refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(failure) => Some(failure.errno),
            _ => None,
        }
    }
}

/// What came back for a request.
pub struct Answer {
    /// The init's reply.
    pub reply: Reply,
    /// What travelled beside it.
    pub descriptors: Vec<OwnedFd>,
    /// For a started process: becomes `Some` when it ends.
    pub exit: Option<watch::Receiver<Option<Exit>>>,
}

/// One socket to an init. Dropping it closes the socket.
pub struct Link {
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    state: Arc<Mutex<State>>,
    reader: AbortOnDropHandle<()>,
    writer: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct State {
    next_id: u64,
    pending: HashMap<u64, oneshot::Sender<Answer>>,
    exits: HashMap<u32, watch::Sender<Option<Exit>>>,
    closed: bool,
}

impl State {
    fn end(&mut self) {
        self.closed = true;
        // Dropping the senders tells every waiter.
        self.pending.clear();
        self.exits.clear();
    }
}

impl Link {
    /// Takes over a socket whose handshake is done.
    pub fn new(socket: BlockingUnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UnixStream::from_std(socket)?);
        let state = Arc::new(Mutex::new(State::default()));
        let (outgoing, frames) = mpsc::unbounded_channel();
        let reader = tokio::spawn(read(socket.clone(), state.clone()));
        let writer = tokio::spawn(write(socket, frames));
        Ok(Self {
            outgoing,
            state,
            reader: AbortOnDropHandle::new(reader),
            writer: AbortOnDropHandle::new(writer),
        })
    }

    /// Sends a request and waits for its answer; a refusal is an error.
    pub async fn request(&self, request: &Request) -> Result<Answer, LinkError> {
        let answer = self.enqueue(request)?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, answer)
            .await
            .map_err(|_| LinkError::Silent)?
            .map_err(|_| LinkError::Gone)?;
        match answer.reply {
            Reply::Failed(failure) => Err(LinkError::Refused(failure)),
            _ => Ok(answer),
        }
    }

    /// Sends a request whose outcome nobody waits for.
    pub fn notify(&self, request: &Request) {
        // A sandbox that has ended needs no notice.
        let _ = self.enqueue(request);
    }

    /// Closes the socket; everyone who waits is told that the sandbox is gone.
    pub fn close(&self) {
        self.reader.abort();
        self.writer.abort();
        lock(&self.state).end();
    }

    fn enqueue(&self, request: &Request) -> Result<oneshot::Receiver<Answer>, LinkError> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.state);
        if state.closed {
            return Err(LinkError::Gone);
        }
        let id = state.next_id;
        state.next_id += 1;
        let frame = wire::encode(&Numbered { id, request }).map_err(LinkError::Unsendable)?;
        state.pending.insert(id, sender);
        self.outgoing.send(frame).map_err(|_| LinkError::Gone)?;
        Ok(receiver)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(socket: Arc<UnixStream>, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        let mut sent = 0;
        while sent < frame.len() {
            let rest = &frame[sent..];
            match socket
                .async_io(Interest::WRITABLE, || wire::send_some(&*socket, rest, &[]))
                .await
            {
                Ok(count) => sent += count,
                // The reader sees the end of the socket and says so to everyone who waits.
                Err(_) => return,
            }
        }
    }
}

async fn read(socket: Arc<UnixStream>, state: Arc<Mutex<State>>) {
    if let Err(error) = read_until_end(&socket, &state).await
        && error.kind() != io::ErrorKind::UnexpectedEof
    {
        tracing::debug!(%error, "the socket to an init broke");
    }
    lock(&state).end();
}

async fn read_until_end(socket: &UnixStream, state: &Mutex<State>) -> io::Result<()> {
    loop {
        let mut incoming = Incoming::default();
        while !socket
            .async_io(Interest::READABLE, || incoming.read_some(socket))
            .await?
        {}
        let (message, descriptors) = incoming.finish()?;
        deliver(&mut lock(state), message, descriptors);
    }
}

fn deliver(state: &mut State, message: FromInit, descriptors: Vec<OwnedFd>) {
    match message {
        FromInit::Exited { pid, exit } => {
            if let Some(sender) = state.exits.remove(&pid) {
                sender.send_replace(Some(exit));
            }
        }
        FromInit::Reply { id, reply } => {
            // The exit of a short process may be the very next message: listen before handing out.
            let exit = match reply {
                Reply::Spawned { pid } => {
                    let (sender, receiver) = watch::channel(None);
                    state.exits.insert(pid, sender);
                    Some(receiver)
                }
                _ => None,
            };
            if let Some(waiter) = state.pending.remove(&id) {
                // A caller that gave up drops the answer, and with it the descriptors.
                let _ = waiter.send(Answer {
                    reply,
                    descriptors,
                    exit,
                });
            }
        }
    }
}
