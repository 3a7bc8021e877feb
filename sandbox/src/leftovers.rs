//! The service's directory on disk, and what a service that was killed has left in it.
//!
//! `lock` is held while a service lives. `sandboxes/<id>/` has a sandbox's files and the note
//! `init` (pid and start time of its init). `run-directory` names the directory with the short path
//! that sockets need.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::process::{Pid, PidfdFlags, Signal};
use thiserror::Error;

use crate::place::remove_tree;

const RUN_PREFIX: &str = "conductor-";

/// The state directory cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// Two services would remove each other's sandboxes.
    #[error("another sandbox service uses '{}'; stop it, or choose another --state-dir", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("cannot use '{}' for the sandboxes' files: {source}; choose another --state-dir", .path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// The system's text.
        source: io::Error,
    },
}

/// The state directory, locked and clean. What is in it goes when it is dropped.
pub struct StateDirectory {
    root: PathBuf,
    sandboxes: PathBuf,
    runs: PathBuf,
    _lock: File,
}

impl StateDirectory {
    /// Locks the directory and removes what an earlier service left running or on disk.
    pub fn open(root: &Path) -> Result<Self, StateError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io { path, source }
        };
        fs::create_dir_all(root).map_err(at(root))?;
        let root = root.canonicalize().map_err(at(root))?;
        fs::set_permissions(&root, Permissions::from_mode(0o700)).map_err(at(&root))?;
        let lock = File::create(root.join("lock")).map_err(at(&root))?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(StateError::InUse(root));
        }
        let sandboxes = root.join("sandboxes");
        clean(&root, &sandboxes).map_err(at(&root))?;
        fs::create_dir_all(&sandboxes).map_err(at(&sandboxes))?;
        let runs = tempfile::Builder::new()
            .prefix(RUN_PREFIX)
            .tempdir_in("/tmp")
            .map_err(at(Path::new("/tmp")))?
            .keep();
        fs::write(
            root.join("run-directory"),
            runs.as_os_str().as_encoded_bytes(),
        )
        .map_err(at(&root))?;
        Ok(Self {
            root,
            sandboxes,
            runs,
            _lock: lock,
        })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where each sandbox has its files.
    pub fn sandboxes(&self) -> &Path {
        &self.sandboxes
    }

    /// Where each sandbox has its sockets; a short path.
    pub fn runs(&self) -> &Path {
        &self.runs
    }
}

impl Drop for StateDirectory {
    fn drop(&mut self) {
        for path in [&self.runs, &self.sandboxes] {
            if let Err(error) = remove_tree(path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a directory; the next start tries again");
            }
        }
        // Without its directory the note means nothing.
        let _ = fs::remove_file(self.root.join("run-directory"));
    }
}

/// Notes an init, so that the next service can end it if this one cannot.
pub fn note_init(path: &Path, pid: i32) -> io::Result<()> {
    fs::write(path, format!("{pid} {}", start_time(pid)?))
}

fn clean(root: &Path, sandboxes: &Path) -> io::Result<()> {
    for entry in fs::read_dir(sandboxes).into_iter().flatten() {
        let note = entry?.path().join("init");
        if let Ok(note) = fs::read_to_string(&note) {
            end_noted(&note);
        }
    }
    remove_tree(sandboxes)?;
    if let Ok(runs) = fs::read_to_string(root.join("run-directory")) {
        let runs = PathBuf::from(runs);
        if is_run_directory(&runs) {
            remove_tree(&runs)?;
        }
    }
    Ok(())
}

/// Ends the init of a note, unless its pid has another owner by now.
fn end_noted(note: &str) {
    let mut fields = note.split_whitespace();
    let (Some(pid), Some(started)) = (
        fields.next().and_then(|pid| pid.parse().ok()),
        fields.next(),
    ) else {
        return;
    };
    let Some(Ok(descriptor)) =
        Pid::from_raw(pid).map(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()))
    else {
        return;
    };
    // Compared after the process is held: from here on the number cannot change hands.
    if start_time(pid).is_ok_and(|actual| actual == started) {
        tracing::warn!(
            init.pid = pid,
            "ending a sandbox that an earlier service left behind"
        );
        let _ = rustix::process::pidfd_send_signal(&descriptor, Signal::KILL);
        let mut polled = [rustix::event::PollFd::new(
            &descriptor,
            rustix::event::PollFlags::IN,
        )];
        let patience = rustix::event::Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        let _ = rustix::event::poll(&mut polled, Some(&patience));
    }
}

/// A note on disk must not make the service remove anything else.
fn is_run_directory(path: &Path) -> bool {
    let named = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(RUN_PREFIX));
    let owned = fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == nix::unistd::geteuid().as_raw()
    });
    named && owned && path.parent() == Some(Path::new("/tmp"))
}

/// In clock ticks since boot: with the pid it names a process for good.
fn start_time(pid: i32) -> io::Result<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a program's name and may hold anything, also blanks and parentheses.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name
        .split_whitespace()
        .nth(19)
        .map(str::to_owned)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
