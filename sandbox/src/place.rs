//! A sandbox's directories on the host, removed with it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::protocol::Isolation;

/// A sandbox's place could not be made.
#[derive(Debug, Error)]
#[error("cannot make the sandbox directory '{}': {source}; see that its parent is writable and has space", .path.display())]
pub struct PlaceError {
    path: PathBuf,
    source: io::Error,
}

/// What the service keeps about a sandbox on disk. Gone when dropped.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    home: PathBuf,
    run: PathBuf,
}

impl Place {
    /// Makes `<sandboxes>/<id>` and, for a sandbox without storage of its own, what stands for it.
    pub fn make(
        sandboxes: &Path,
        runs: &Path,
        id: &str,
        isolation: Isolation,
    ) -> Result<Self, PlaceError> {
        let root = sandboxes.join(id);
        let place = Self {
            home: root.join("home"),
            run: runs.join(id),
            root,
        };
        make_directory(&place.root)?;
        if isolation == Isolation::None {
            make_directory(&place.home)?;
            make_directory(&place.run)?;
        }
        Ok(place)
    }

    /// Stands for `/home/user` in a sandbox without a root of its own.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Stands for `/run/conductor` there; its path is short, as sockets need.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// All there is to remove.
    pub fn paths(&self) -> (PathBuf, PathBuf) {
        (self.root.clone(), self.run.clone())
    }

    /// Where the pid of the init is noted for the next start of the service.
    pub fn init_note(&self) -> PathBuf {
        self.root.join("init")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (root, run) = self.paths();
        remove(&[root, run]);
    }
}

/// Removes a sandbox's directories; what cannot go now is left to the next start.
pub fn remove(paths: &[PathBuf]) {
    for path in paths {
        if let Err(error) = remove_tree(path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove a sandbox's directory; the next start tries again");
        }
    }
}

fn make_directory(path: &Path) -> Result<(), PlaceError> {
    let make = || {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
    };
    make().map_err(|source| PlaceError {
        path: path.to_owned(),
        source,
    })
}

/// Removes a directory with all in it, also where its owner took away his own permissions.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        outcome => outcome,
    }
}

fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Of the entry itself, never of what a link leads to.
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
