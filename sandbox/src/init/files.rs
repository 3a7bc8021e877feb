//! File operations, with the rights and the view of the sandboxed user.
//!
//! Every path is resolved here, inside, so a link can lead nowhere the user could not go.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::serve::with_descriptor;
use super::watch;
use crate::file_metadata;
use crate::protocol::{Access, Entry, EntryKind, Failure, Reply, Request};

/// Answers a request about files; any other is refused.
pub fn answer(request: Request) -> (Reply, Vec<OwnedFd>) {
    let reply = match request {
        Request::Open { path, access } => return with_descriptor(open(&path, access)),
        Request::Watch {
            path,
            recursive,
            entries,
        } => {
            return match watch::watch(&path, recursive, entries) {
                Ok(socket) => (Reply::Done, vec![socket]),
                Err(failure) => (Reply::Failed(failure), Vec::new()),
            };
        }
        Request::Stat { path } => describe(&path, String::new()).map(Reply::Entry),
        Request::List { path, depth } => list(&path, depth).map(Reply::Entries),
        Request::MakeDir { path } => make_directory(&path).map(|()| Reply::Done),
        Request::Rename { from, to } => rename(&from, &to).map(|()| Reply::Done),
        Request::Remove { path } => remove(&path).map(|()| Reply::Done),
        Request::Spawn(_)
        | Request::Signal { .. }
        | Request::Suspend
        | Request::Resume
        | Request::Connect { .. }
        | Request::ListenTcp { .. }
        | Request::ListenUnix { .. } => Err(io::ErrorKind::Unsupported.into()),
    };
    let reply = reply.unwrap_or_else(|error| Reply::Failed(Failure::from(error)));
    (reply, Vec::new())
}

fn open(path: &Path, access: Access) -> io::Result<OwnedFd> {
    let mut options = OpenOptions::new();
    // Without waiting: opening a named pipe must not hold up the init.
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    match access {
        Access::Read => options.read(true),
        Access::Create => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            options.write(true).create_new(true)
        }
        // A link that leads nowhere is followed, and made to lead somewhere.
        Access::Overwrite => options.write(true).create(true),
        Access::Scratch => return Ok(tempfile::tempfile_in(path)?.into()),
    };
    Ok(options.open(path)?.into())
}

/// What a path names. A single description, which has no name, is strict about loops.
pub(super) fn describe(path: &Path, name: String) -> io::Result<Entry> {
    let metadata = fs::symlink_metadata(path)?;
    let link = metadata.is_symlink();
    let target = if link {
        fs::metadata(path)
    } else {
        Ok(metadata.clone())
    };
    let kind = match &target {
        Ok(target) => kind(target),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP)) && name.is_empty() => {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        Err(_) => EntryKind::BrokenLink,
    };
    let symlink_target = match link {
        true => fs::canonicalize(path).or_else(|_| fs::read_link(path)).ok(),
        false => None,
    };
    Ok(Entry {
        name,
        metadata: file_metadata::of_path(path),
        kind,
        size: metadata.len(),
        mode: target.as_ref().map_or(0, |target| target.mode() & 0o7777),
        raw_mode: metadata.mode(),
        own: metadata.uid() == nix::unistd::getuid().as_raw(),
        modified_ns: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        symlink_target: symlink_target.map(|target| target.to_string_lossy().into_owned()),
    })
}

fn kind(metadata: &Metadata) -> EntryKind {
    match metadata {
        metadata if metadata.is_dir() => EntryKind::Directory,
        metadata if metadata.is_file() => EntryKind::File,
        _ => EntryKind::Other,
    }
}

/// The directory's entries, those of its directories after each; links are not followed.
fn list(path: &Path, depth: u32) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    list_into(path, "", depth.max(1), &mut entries)?;
    Ok(entries)
}

fn list_into(path: &Path, prefix: &str, depth: u32, entries: &mut Vec<Entry>) -> io::Result<()> {
    let mut found: Vec<_> = fs::read_dir(path)?.collect::<io::Result<_>>()?;
    found.sort_by_key(fs::DirEntry::file_name);
    for entry in found {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Whatever vanished since, or cannot be looked at, is left out.
        let Ok(described) = describe(&entry.path(), name.clone()) else {
            continue;
        };
        entries.push(described);
        if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // An unreadable directory is listed, its content is not.
            let _ = list_into(&entry.path(), &format!("{name}/"), depth - 1, entries);
        }
    }
    Ok(())
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::Error::from_raw_os_error(libc::EEXIST)),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
        Err(_) => fs::create_dir_all(path),
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::symlink_metadata(from)?;
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(from, to)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
