//! The service's end of a watch, and the watches that callers come back to.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::connect_rpc::RpcError;
use super::filesystem::{failed, resolve};
use crate::clock;
use crate::link::LinkError;
use crate::protocol::{Change, Request};
use crate::sandbox::Sandbox;
use crate::wire::Incoming;

/// How many watches a sandbox may have; each is a thread inside.
const MOST: usize = 32;
/// Changes that wait for a caller to come back; more wait in the kernel, as far as it has room.
const WAITING: usize = 16_384;
/// A watch that is alive answers in milliseconds; one whose sandbox is paused does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A watch inside. Dropping it ends it.
pub struct Watch {
    socket: Arc<UnixStream>,
    incoming: Incoming,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// Begins to watch a directory; what happens from now on is told.
    pub async fn begin(
        sandbox: &Sandbox,
        path: &str,
        recursive: bool,
        entries: bool,
    ) -> Result<Self, RpcError> {
        let permit = sandbox.watchers.permits.clone().try_acquire_owned();
        let permit = permit.map_err(|_| {
            RpcError::resource_exhausted(format!(
                "the sandbox has {MOST} watches, which is the most; stop one first"
            ))
        })?;
        let request = Request::Watch {
            path: resolve(sandbox, path)?,
            recursive,
            entries,
        };
        let answer = sandbox.files.request(&request).await;
        let answer = answer.map_err(|error| failed(path, &error))?;
        let socket = answer.descriptors.into_iter().next();
        let socket = socket.ok_or_else(|| failed(path, &LinkError::Mismatch))?;
        let adopt = || {
            let socket = BlockingUnixStream::from(socket);
            socket.set_nonblocking(true)?;
            UnixStream::from_std(socket)
        };
        let socket = adopt()
            .map_err(|error| RpcError::internal(format!("cannot listen to the watch: {error}")))?;
        Ok(Self {
            socket: Arc::new(socket),
            incoming: Incoming::default(),
            _permit: permit,
        })
    }

    /// The next change. It may be dropped and called again without losing any.
    pub async fn next(&mut self) -> io::Result<Change> {
        let Self {
            socket, incoming, ..
        } = self;
        while !socket
            .async_io(Interest::READABLE, || incoming.read_some(&**socket))
            .await?
        {}
        let (change, _) = std::mem::take(incoming).finish()?;
        Ok(change)
    }
}

/// The watches of one sandbox that callers come back to, by id.
pub struct Watchers {
    permits: Arc<Semaphore>,
    kept: Mutex<BTreeMap<String, Arc<Kept>>>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MOST)),
            kept: Mutex::default(),
        }
    }
}

/// A watch whose changes wait for its caller.
pub struct Kept {
    /// What the caller watches, as answers show it.
    pub directory: PathBuf,
    socket: Arc<UnixStream>,
    inbox: AsyncMutex<Inbox>,
    _reader: AbortOnDropHandle<()>,
}

struct Inbox {
    waiting: mpsc::Receiver<io::Result<Change>>,
    /// Taken from there, and not yet told.
    taken: Vec<Change>,
    /// Bytes sent to the watch.
    asked: u64,
    /// Why there will be no more.
    lost: Option<String>,
}

impl Watchers {
    /// Keeps a watch; its id.
    pub fn keep(&self, watch: Watch, directory: PathBuf) -> io::Result<String> {
        let id = format!("w{}", clock::random_id(20)?);
        let (sender, waiting) = mpsc::channel(WAITING);
        let kept = Kept {
            directory,
            socket: watch.socket.clone(),
            inbox: AsyncMutex::new(Inbox {
                waiting,
                taken: Vec::new(),
                asked: 0,
                lost: None,
            }),
            _reader: AbortOnDropHandle::new(tokio::spawn(read(watch, sender))),
        };
        self.lock().insert(id.clone(), Arc::new(kept));
        Ok(id)
    }

    /// A kept watch.
    pub fn get(&self, id: &str) -> Option<Arc<Kept>> {
        self.lock().get(id).cloned()
    }

    /// Ends a kept watch; `false` if there is none of this id.
    pub fn remove(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the inbox is full the watch waits, and then the kernel's queue fills.
async fn read(mut watch: Watch, inbox: mpsc::Sender<io::Result<Change>>) {
    loop {
        let change = watch.next().await;
        let last = !matches!(change, Ok(Change::Entry { .. } | Change::UpTo(_)));
        if inbox.send(change).await.is_err() || last {
            return;
        }
    }
}

impl Kept {
    /// Everything that happened since the last call, up to this moment.
    pub async fn take(&self) -> Result<Vec<Change>, RpcError> {
        let mut inbox = self.inbox.lock().await;
        let asked = inbox.ask(&self.socket);
        // Without an answer, what is there is all there is to tell.
        let _ = timeout(ANSWER_WITHIN, inbox.fill(asked)).await;
        match (&inbox.lost, inbox.taken.is_empty()) {
            (Some(lost), true) => Err(RpcError::resource_exhausted(lost.clone())),
            _ => Ok(std::mem::take(&mut inbox.taken)),
        }
    }
}

impl Inbox {
    /// Asks how far the watch has come; the number its answer will have.
    fn ask(&mut self, socket: &UnixStream) -> u64 {
        // A socket that takes no byte has many questions unanswered: the next answer is to those.
        if socket.try_write(&[0]).is_ok() {
            self.asked += 1;
        }
        self.asked
    }

    async fn fill(&mut self, asked: u64) {
        while let Some(change) = self.waiting.recv().await {
            match change {
                Ok(Change::UpTo(answered)) if answered >= asked => return,
                Ok(Change::UpTo(_) | Change::Over) => {}
                Ok(Change::Lost(reason)) => self.lost = Some(reason),
                Ok(change) => self.taken.push(change),
                Err(error) => self.lost = Some(format!("the watch broke off: {error}")),
            }
        }
    }
}
