//! The service's group in one hierarchy, which holds those of its sandboxes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::files::write;
use super::layout::{Controller, Hierarchy, Version};
use super::{PREFIX, remove, v2};

/// To make a group that nobody takes away at once.
const ATTEMPTS: u32 = 100;

/// A group that holds groups and no process. Removed when dropped.
pub struct Parent {
    pub version: Version,
    pub directory: PathBuf,
    /// What the groups in it have.
    pub controllers: Vec<Controller>,
    moved: Option<Moved>,
    /// Held for as long as the service lives: who gets it finds an abandoned group.
    _lock: File,
}

/// What was changed in the service's own group, to be undone at the end.
struct Moved {
    own: PathBuf,
    leaf: PathBuf,
    place: PathBuf,
    offered: Vec<&'static str>,
}

impl Parent {
    /// Makes the group: below the service's own, or, where others' processes are in the way there
    /// and we are root, at the top.
    pub fn make(hierarchy: &Hierarchy, name: &str) -> io::Result<Self> {
        let below = Self::make_in(hierarchy, &hierarchy.own, name);
        let lacks = |made: &Self| made.controllers.len() < hierarchy.controllers.len();
        if !below.as_ref().map_or(true, lacks) || hierarchy.own == hierarchy.root {
            return below;
        }
        // Dropped first: it may have changed the service's own group.
        let fallback = below.map(|parent| parent.controllers.len()).unwrap_or(0);
        match Self::make_in(hierarchy, &hierarchy.root, name) {
            Ok(parent) if parent.controllers.len() > fallback => Ok(parent),
            _ => Self::make_in(hierarchy, &hierarchy.own, name),
        }
    }

    fn make_in(hierarchy: &Hierarchy, place: &Path, name: &str) -> io::Result<Self> {
        sweep(place);
        let directory = place.join(name);
        let lock = make_locked(&directory)?;
        let mut parent = Self {
            version: hierarchy.version,
            directory,
            controllers: hierarchy.controllers.clone(),
            moved: None,
            _lock: lock,
        };
        if parent.version == Version::V2 {
            parent.offer(place, name, &hierarchy.own);
        }
        Ok(parent)
    }

    /// Version 2: a group's controllers are offered by the one above it, one that has no processes.
    fn offer(&mut self, place: &Path, name: &str, own: &Path) {
        let directory = self.directory.clone();
        let missing: Vec<_> = self
            .controllers
            .iter()
            .filter_map(|controller| v2::name(*controller))
            .filter(|controller| !v2::is_offered(place, controller))
            .collect();
        let offer = || -> Vec<&'static str> {
            let offered = |controller: &&str| v2::set_offered(place, controller, true).is_ok();
            missing.iter().copied().filter(offered).collect()
        };
        let offered = offer();
        if offered.len() < missing.len() {
            let leaf = place.join(format!("{name}-service"));
            if fs::create_dir(&leaf).is_ok() {
                let moved = write(&leaf, "cgroup.procs", std::process::id()).is_ok();
                self.moved = Some(Moved {
                    own: own.to_owned(),
                    leaf,
                    place: place.to_owned(),
                    offered: if moved { offer() } else { Vec::new() },
                });
            }
        }
        self.controllers.retain(|controller| {
            v2::name(*controller).is_none_or(|name| v2::set_offered(&directory, name, true).is_ok())
        });
        if self
            .moved
            .as_ref()
            .is_some_and(|moved| moved.offered.is_empty())
        {
            self.moved = None;
        }
    }
}

/// Removes the groups of services that were killed and did not come back.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !ours {
            continue;
        }
        // A service moves out of the way of its groups: what it moved to is beside them.
        if entry.file_name().to_string_lossy().ends_with("-service") {
            let _ = fs::remove_dir(entry.path());
        } else if let Ok(_lock) = lock(&entry.path()) {
            remove(&entry.path());
        }
    }
}

/// Makes a group and locks it. Another service may sweep in between, and take it for abandoned.
fn make_locked(group: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        match fs::create_dir(group) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if let Ok(lock) = lock(group)
            && fs::metadata(group).is_ok_and(|there| {
                lock.metadata()
                    .is_ok_and(|locked| locked.ino() == there.ino())
            })
        {
            return Ok(lock);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

fn lock(group: &Path) -> io::Result<File> {
    let directory = File::open(group)?;
    rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
    Ok(directory)
}

impl Drop for Parent {
    fn drop(&mut self) {
        remove(&self.directory);
        drop(self.moved.take());
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        for controller in &self.offered {
            let _ = v2::set_offered(&self.place, controller, false);
        }
        let _ = write(&self.own, "cgroup.procs", std::process::id());
        // Nothing is in it but this service, which may have stayed.
        let _ = fs::remove_dir(&self.leaf);
    }
}
