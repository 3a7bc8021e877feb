//! The processes that callers started, and who listens to them.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::Instant;

use crate::limits::cause::Since;
use crate::process::{Exit, Process, ProcessHandle};

const CHUNK: usize = 32 << 10;
/// How many chunks a listener may lag behind before the process has to wait for it.
const LAG: usize = 64;
/// How long the process, and its other listeners, wait for one that does not read. The last one is
/// waited for without end, as by a pipe.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a process started may hold its output open for ever; once it has ended, its output ends
/// when nothing has come for this long.
const QUIET: Duration = Duration::from_millis(250);

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// Output.
    Data(Channel, Bytes),
    /// The end; nothing follows.
    End(Exit),
}

/// Where output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The terminal.
    Pty,
}

/// The running processes of a sandbox, by pid.
#[derive(Default)]
pub struct ProcessTable(Arc<Mutex<BTreeMap<u32, Arc<Running>>>>);

/// A process, for as long as it runs.
pub struct Running {
    /// As the caller asked for it.
    pub config: serde_json::Value,
    /// The caller's name for it.
    pub tag: Option<String>,
    /// Has a terminal.
    pub pty: bool,
    /// For waiting and signals.
    pub handle: ProcessHandle,
    stdin: tokio::sync::Mutex<Option<pipe::Sender>>,
    listeners: Mutex<Vec<Listener>>,
    since: Since,
}

/// The end of a stream that the process speaks to.
#[derive(Clone)]
struct Listener {
    events: mpsc::Sender<Event>,
    cut: Arc<AtomicBool>,
}

/// The end of a stream that its caller hears.
pub struct Hearing {
    events: mpsc::Receiver<Event>,
    cut: Arc<AtomicBool>,
}

impl Hearing {
    /// What comes next; `None` after the end, or if there is none.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Whether it ended because its caller read too slowly.
    pub fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

fn stream() -> (Listener, Hearing) {
    let (sender, receiver) = mpsc::channel(LAG);
    let cut = Arc::new(AtomicBool::new(false));
    let listener = Listener {
        events: sender,
        cut: cut.clone(),
    };
    let hearing = Hearing {
        events: receiver,
        cut,
    };
    (listener, hearing)
}

impl ProcessTable {
    /// Takes a process in, and the first listener with it; nothing it says is lost.
    pub fn add(
        &self,
        mut process: Process,
        config: serde_json::Value,
        tag: Option<String>,
        pty: bool,
        since: Since,
    ) -> (Arc<Running>, Hearing) {
        let (listener, hearing) = stream();
        let running = Arc::new(Running {
            config,
            tag,
            pty,
            handle: process.handle(),
            stdin: tokio::sync::Mutex::new(process.stdin.take()),
            listeners: Mutex::new(vec![listener]),
            since,
        });
        lock(&self.0).insert(process.pid, running.clone());
        let (table, ended) = (self.0.clone(), running.clone());
        tokio::spawn(async move {
            ended.handle.wait().await;
            forget(&table, ended.handle.pid(), &ended);
        });
        let (table, pumped) = (self.0.clone(), running.clone());
        tokio::spawn(async move {
            let exit = pump(&mut process, &pumped).await;
            // Whoever heard of the end finds it listed no more.
            forget(&table, pumped.handle.pid(), &pumped);
            pumped.finish(exit).await;
        });
        (running, hearing)
    }

    /// A running process.
    pub fn get(&self, pid: u32) -> Option<Arc<Running>> {
        lock(&self.0).get(&pid).cloned()
    }

    /// The running process with this tag.
    pub fn tagged(&self, tag: &str) -> Option<Arc<Running>> {
        lock(&self.0)
            .values()
            .find(|running| running.tag.as_deref() == Some(tag))
            .cloned()
    }

    /// All running processes.
    pub fn list(&self) -> Vec<Arc<Running>> {
        lock(&self.0).values().cloned().collect()
    }
}

impl Running {
    /// A new listener; it hears what comes from now on.
    pub fn listen(&self) -> Hearing {
        let (listener, hearing) = stream();
        lock(&self.listeners).push(listener);
        hearing
    }

    /// Writes to its stdin or terminal; waits while the process does not read.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self.stdin.lock().await.as_mut() {
            Some(stdin) => stdin.write_all(bytes).await,
            None => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "its stdin is closed",
            )),
        }
    }

    /// Closes its stdin.
    pub async fn close_stdin(&self) {
        self.stdin.lock().await.take();
    }

    /// The name of the limit that made it end like this, if one did.
    pub fn stopped_by(&self, exit: Exit) -> Option<String> {
        match exit {
            Exit::Code(0) | Exit::Lost => None,
            Exit::Code(_) | Exit::Signal(_) => self.since.text(),
        }
    }

    /// Says it to everyone who listens, and waits for those that lag behind: for the last one as
    /// long as it takes, for more than one only so long that they do not stall each other.
    async fn say(&self, event: Event) {
        let listeners = lock(&self.listeners).clone();
        let mut caught_up = Vec::new();
        let mut behind = FuturesUnordered::new();
        for listener in listeners {
            match listener.events.try_send(event.clone()) {
                Ok(()) => caught_up.push(listener),
                Err(TrySendError::Full(event)) => behind.push(async move {
                    let sent = listener.events.send(event).await;
                    (listener, sent.is_ok())
                }),
                Err(TrySendError::Closed(_)) => {}
            }
        }
        let mut heard = !caught_up.is_empty();
        while !heard && let Some((listener, sent)) = behind.next().await {
            heard = sent;
            caught_up.push(listener);
        }
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        while !behind.is_empty() {
            tokio::select! {
                Some((listener, _)) = behind.next() => caught_up.push(listener),
                () = &mut patience => break,
            }
        }
        let too_slow = !behind.is_empty();
        drop(behind);
        lock(&self.listeners).retain(|listener| {
            let full = too_slow
                && listener.events.capacity() == 0
                && !caught_up
                    .iter()
                    .any(|other| other.events.same_channel(&listener.events));
            if full {
                listener.cut.store(true, Ordering::Relaxed);
            }
            !full && !listener.events.is_closed()
        });
    }

    /// Says the end. A process that went down with its sandbox has none: its streams break off.
    async fn finish(&self, exit: Exit) {
        if exit != Exit::Lost {
            self.say(Event::End(exit)).await;
        }
        lock(&self.listeners).clear();
    }
}

/// Passes output on until the process has ended and its output has, too.
async fn pump(process: &mut Process, running: &Running) -> Exit {
    let (mut stdout, mut stderr) = (process.stdout.take(), process.stderr.take());
    let first = if running.pty {
        Channel::Pty
    } else {
        Channel::Stdout
    };
    let (mut first_buffer, mut second_buffer) = (BytesMut::new(), BytesMut::new());
    let mut exit = None;
    let mut quiet_until = Instant::now();
    loop {
        if let (Some(exit), None, None) = (exit, &stdout, &stderr) {
            return exit;
        }
        let event = tokio::select! {
            chunk = read(&mut stdout, &mut first_buffer) => chunk.map(|chunk| Event::Data(first, chunk)),
            chunk = read(&mut stderr, &mut second_buffer) => chunk.map(|chunk| Event::Data(Channel::Stderr, chunk)),
            ended = running.handle.wait(), if exit.is_none() => {
                exit = Some(ended);
                quiet_until = Instant::now() + QUIET;
                None
            }
            () = tokio::time::sleep_until(quiet_until), if exit.is_some() => return exit.unwrap_or(Exit::Lost),
        };
        if let Some(event) = event {
            running.say(event).await;
            quiet_until = Instant::now() + QUIET;
        }
    }
}

/// The next chunk; `None` once, at the end, then never again.
async fn read(pipe: &mut Option<pipe::Receiver>, buffer: &mut BytesMut) -> Option<Bytes> {
    let Some(reader) = pipe else {
        return std::future::pending().await;
    };
    buffer.reserve(CHUNK);
    match reader.read_buf(buffer).await {
        Ok(count) if count > 0 => Some(buffer.split().freeze()),
        // A terminal whose last user is gone says so by an error.
        _ => {
            *pipe = None;
            None
        }
    }
}

fn forget(table: &Mutex<BTreeMap<u32, Arc<Running>>>, pid: u32, running: &Arc<Running>) {
    let mut table = lock(table);
    // The number may belong to a newer process by now.
    if table
        .get(&pid)
        .is_some_and(|known| Arc::ptr_eq(known, running))
    {
        table.remove(&pid);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
