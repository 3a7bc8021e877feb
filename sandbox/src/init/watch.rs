//! Watching a directory: inotify's events, in the words of the protocol.
//!
//! Each watch is a thread with a socket of its own, so it may wait: while the service does not read,
//! the thread stands still, and the kernel's queue fills; what overflows there is told as lost. A
//! byte from the service asks the thread to say how far it has come. Without these threads a watch
//! of one caller could hold up the requests of all others.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::files::describe;
use crate::protocol::{Change, Failure, FileEvent};
use crate::wire;

/// How many directories one watch may follow; each takes kernel memory.
const DIRECTORIES: usize = 8192;
/// Instances of inotify in one sandbox: the service has at most 32 watches, programs the rest.
pub const INSTANCES: u64 = 48;
/// What all of them follow together.
pub const WATCHES: u64 = 16_384;
const STACK: usize = 256 << 10;

/// What fsnotify asks for, whose events E2B's clients know.
const EVENTS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Begins a watch; the socket carries a [`Change`] a frame.
pub fn watch(path: &Path, recursive: bool, entries: bool) -> Result<OwnedFd, Failure> {
    if !fs::metadata(path)?.is_dir() {
        return Err(Failure {
            errno: libc::ENOTDIR,
            message: "it is not a directory".to_owned(),
        });
    }
    let inotify = match inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
        Ok(inotify) => inotify,
        Err(Errno::MFILE) => {
            return Err(Failure {
                errno: libc::EMFILE,
                message: format!(
                    "all instances of inotify are taken, of which a sandbox has {INSTANCES} and the user of the service a number for all; end programs that watch files, or stop a watch"
                ),
            });
        }
        Err(error) => return Err(io::Error::from(error).into()),
    };
    let mut watch = Watch {
        inotify,
        root: path.to_owned(),
        recursive,
        entries,
        directories: HashMap::new(),
        announced: HashSet::new(),
        leaving: None,
        over: None,
    };
    watch.follow(Path::new(""), None)?;
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(io::Error::from)?;
    thread::Builder::new()
        .name("watch".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            // An error means that nobody listens any more.
            let _ = watch.run(&ours);
        })?;
    Ok(theirs)
}

struct Watch {
    inotify: OwnedFd,
    root: PathBuf,
    recursive: bool,
    /// Whether changes carry a description of what changed.
    entries: bool,
    /// By watch descriptor, relative to the root.
    directories: HashMap<i32, PathBuf>,
    /// Found while a new directory was looked through: the kernel's own word about them may follow.
    announced: HashSet<PathBuf>,
    /// A directory that was moved from here, by the number its arrival would have, too.
    leaving: Option<(u32, PathBuf)>,
    /// Nothing can be told any more, and why.
    over: Option<Change>,
}

/// An event of the kernel, out of its buffer.
struct Event {
    directory: i32,
    mask: ReadFlags,
    cookie: u32,
    name: Option<OsString>,
}

impl Watch {
    fn run(mut self, socket: &OwnedFd) -> io::Result<()> {
        let (mut asked, mut answered) = (0, 0);
        loop {
            let mut polled = [
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
                PollFd::new(socket.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut polled, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                outcome => outcome?,
            };
            if polled[1].any().unwrap_or(true) {
                let mut bytes = [0; 64];
                match rustix::io::read(socket, &mut bytes)? {
                    0 => return Ok(()),
                    count => asked += count as u64,
                }
            }
            // After the questions were read: what happened before them is told before the answer.
            self.tell_all(socket)?;
            if let Some(last) = self.over.take() {
                return wire::send(socket, &last, &[]);
            }
            if asked > answered {
                wire::send(socket, &Change::UpTo(asked), &[])?;
                answered = asked;
            }
        }
    }

    /// Tells everything that the kernel has queued.
    fn tell_all(&mut self, socket: &OwnedFd) -> io::Result<()> {
        loop {
            let events = self.read()?;
            if events.is_empty() {
                // The kernel has said all it had to say about what was found by looking.
                self.announced.clear();
                return Ok(());
            }
            let mut changes = Vec::new();
            for event in events {
                self.take(event, &mut changes);
            }
            for change in changes {
                wire::send(socket, &change, &[])?;
            }
            if self.over.is_some() {
                return Ok(());
            }
        }
    }

    fn read(&self) -> io::Result<Vec<Event>> {
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut events = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => events.push(Event {
                    directory: event.wd(),
                    mask: event.events(),
                    cookie: event.cookie(),
                    name: event
                        .file_name()
                        .map(|name| OsString::from_vec(name.to_bytes().to_vec())),
                }),
                Err(Errno::WOULDBLOCK) => return Ok(events),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if reader.is_buffer_empty() {
                return Ok(events);
            }
        }
    }

    fn take(&mut self, event: Event, changes: &mut Vec<Change>) {
        if event.mask.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.over = Some(Change::Lost(
                "more happened than could be told; list the directory and watch it again"
                    .to_owned(),
            ));
            return;
        }
        if event.mask.contains(ReadFlags::IGNORED) {
            self.directories.remove(&event.directory);
            return;
        }
        let Some(directory) = self.directories.get(&event.directory).cloned() else {
            return;
        };
        match &event.name {
            Some(name) => {
                let path = directory.join(name);
                self.take_entry(&event, path, changes);
            }
            None => self.take_directory(&event, &directory, changes),
        }
    }

    /// Something happened to a watched directory itself; its parent, if watched, says so, too.
    fn take_directory(&mut self, event: &Event, directory: &Path, changes: &mut Vec<Change>) {
        if directory.as_os_str().is_empty() {
            let kind = match event.mask {
                mask if mask.contains(ReadFlags::DELETE_SELF) => FileEvent::Remove,
                mask if mask.contains(ReadFlags::MOVE_SELF) => FileEvent::Rename,
                mask if mask.contains(ReadFlags::ATTRIB) => FileEvent::Chmod,
                _ => return,
            };
            changes.push(self.change(directory, kind));
            if kind != FileEvent::Chmod {
                self.over = Some(Change::Over);
            }
        } else if event.mask.contains(ReadFlags::MOVE_SELF)
            && let Some((_, left)) = self.leaving.take_if(|(_, left)| left == directory)
        {
            // It went where nobody watches.
            self.forget(&left);
        }
    }

    fn take_entry(&mut self, event: &Event, path: PathBuf, changes: &mut Vec<Change>) {
        let (mask, is_directory) = (event.mask, event.mask.contains(ReadFlags::ISDIR));
        if mask.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            if self.announced.remove(&path) {
                return;
            }
            changes.push(self.change(&path, FileEvent::Create));
            if self.recursive && is_directory {
                match self.leaving.take_if(|(cookie, _)| *cookie == event.cookie) {
                    Some((_, old)) if mask.contains(ReadFlags::MOVED_TO) => {
                        self.rename(&old, &path);
                    }
                    _ => self.follow_new(&path, changes),
                }
            }
        } else if mask.contains(ReadFlags::MODIFY) {
            changes.push(self.change(&path, FileEvent::Write));
        } else if mask.contains(ReadFlags::ATTRIB) {
            changes.push(self.change(&path, FileEvent::Chmod));
        } else if mask.contains(ReadFlags::MOVED_FROM) {
            self.announced.remove(&path);
            changes.push(self.change(&path, FileEvent::Rename));
            if self.recursive && is_directory {
                self.leaving = Some((event.cookie, path));
            }
        } else if mask.contains(ReadFlags::DELETE) {
            self.announced.remove(&path);
            changes.push(self.change(&path, FileEvent::Remove));
        }
    }

    /// What to tell. An entry that is gone, or may be another by now, is not described.
    fn change(&self, path: &Path, event: FileEvent) -> Change {
        let name = match path.as_os_str().is_empty() {
            true => ".".into(),
            false => path.to_string_lossy(),
        };
        let there = !matches!(event, FileEvent::Remove | FileEvent::Rename);
        let entry = (self.entries && there)
            .then(|| describe(&self.root.join(path), String::new()).ok())
            .flatten();
        Change::Entry {
            name: name.into_owned(),
            event,
            entry,
        }
    }

    /// A directory is new: what is in it already is told, for its own events came before the watch.
    fn follow_new(&mut self, directory: &Path, changes: &mut Vec<Change>) {
        // It may be gone by now, or closed to us; then there is nothing to tell.
        if let Err(error) = self.follow(directory, Some(changes))
            && error.errno == libc::ENOSPC
        {
            self.over = Some(Change::Lost(error.message));
        }
    }

    /// Watches a directory, and in a recursive watch all below it.
    fn follow(
        &mut self,
        directory: &Path,
        mut found: Option<&mut Vec<Change>>,
    ) -> Result<(), Failure> {
        let mut waiting = vec![directory.to_owned()];
        while let Some(next) = waiting.pop() {
            let first = next == directory;
            match self.add(&next) {
                Ok(()) => {}
                // Those below may vanish, or be closed to us.
                Err(error) if first || error.errno == libc::ENOSPC => return Err(error),
                Err(_) => continue,
            }
            if !self.recursive {
                return Ok(());
            }
            let Ok(content) = fs::read_dir(self.root.join(&next)) else {
                continue;
            };
            for entry in content.flatten() {
                let path = next.join(entry.file_name());
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if let Some(changes) = &mut found {
                    self.announced.insert(path.clone());
                    changes.push(self.change(&path, FileEvent::Create));
                    // Of the entry itself, not of what a link leads to.
                    let written = |it: fs::Metadata| it.is_file() && it.len() > 0;
                    if entry.metadata().is_ok_and(written) {
                        changes.push(self.change(&path, FileEvent::Write));
                    }
                }
                if is_directory {
                    waiting.push(path);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, directory: &Path) -> Result<(), Failure> {
        let full = |limit: String| Failure {
            errno: libc::ENOSPC,
            message: format!("{limit}; watch a smaller tree, or not recursively"),
        };
        if self.directories.len() >= DIRECTORIES {
            return Err(full(format!(
                "more than {DIRECTORIES} directories are below it"
            )));
        }
        // The watched directory may be a link; one below it is not followed, as in a listing.
        let flags = match directory.as_os_str().is_empty() {
            true => EVENTS,
            false => EVENTS | WatchFlags::DONT_FOLLOW,
        };
        match inotify::add_watch(&self.inotify, self.root.join(directory), flags) {
            Ok(number) => {
                self.directories.insert(number, directory.to_owned());
                Ok(())
            }
            Err(Errno::NOSPC) => Err(full("the system allows no more watches".to_owned())),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// A watched directory has another name now, and so has all below it.
    fn rename(&mut self, old: &Path, new: &Path) {
        for path in self.directories.values_mut() {
            if let Ok(rest) = path.strip_prefix(old) {
                *path = match rest.as_os_str().is_empty() {
                    true => new.to_owned(),
                    false => new.join(rest),
                };
            }
        }
    }

    fn forget(&mut self, directory: &Path) {
        let gone: Vec<i32> = self
            .directories
            .iter()
            .filter(|(_, path)| path.starts_with(directory))
            .map(|(number, _)| *number)
            .collect();
        for number in gone {
            self.directories.remove(&number);
            // It may be gone from the kernel's list already.
            let _ = inotify::remove_watch(&self.inotify, number);
        }
    }
}
