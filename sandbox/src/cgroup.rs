//! Control groups: the kernel's own limits, for a sandbox as a whole.
//!
//! In each hierarchy that has something to offer ([`layout`]) the service makes one group below its
//! own ([`parent`]), and in it one for each sandbox, whatever of them the machine lets it make. A
//! sandbox's init is in its group before it can start anything, so nothing gets past the limits.
//!
//! Which groups there are is noted on disk, so that the next service can remove them where this one
//! is killed. If none follows in the same state directory, any other removes them: a living service
//! holds a lock on its groups.

mod files;
mod layout;
mod parent;
mod v1;
mod v2;

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub use layout::Controller;
use layout::Version;
use parent::Parent;

use crate::clock;

/// Processor time is given out in periods of this length.
const PERIOD_US: u64 = 100_000;
const PREFIX: &str = "conductor-";
/// A group is busy until the last process in it has been reaped.
const REMOVE_WITHIN: Duration = Duration::from_secs(5);
const FREEZE_WITHIN: Duration = Duration::from_secs(5);

/// What a sandbox's memory is used for, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that counts towards the limit.
    pub charged: u64,
    /// The part of it that is cached files, which go when memory is needed.
    pub cache: u64,
}

/// The service's groups. Removed when dropped.
pub struct Cgroups {
    parents: Vec<Parent>,
    note: PathBuf,
}

impl Cgroups {
    /// Removes the groups of the service before, as noted in the file `note`, and makes new ones
    /// as far as that is possible here.
    pub fn open(note: PathBuf) -> Self {
        remove_noted(&note);
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let hierarchies = layout::read(
            &read("/proc/self/mountinfo"),
            &read("/proc/self/cgroup"),
            |group| fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default(),
        );
        let mut parents = Vec::new();
        if let Ok(id) = clock::random_id(12) {
            let name = format!("{PREFIX}{id}");
            for hierarchy in hierarchies {
                match Parent::make(&hierarchy, &name) {
                    Ok(parent) => parents.push(parent),
                    Err(error) => tracing::debug!(
                        group = %hierarchy.own.display(), %error, "no control group can be made here"
                    ),
                }
            }
        }
        let cgroups = Self { parents, note };
        if let Err(error) = cgroups.write_note() {
            tracing::warn!(path = %cgroups.note.display(), %error, "cannot note the control groups; if the service is killed, they stay");
        }
        cgroups
    }

    /// Makes the group of one sandbox, without limits yet.
    pub fn group(&self, id: &str) -> io::Result<Group> {
        let mut group = Group { parts: Vec::new() };
        for parent in &self.parents {
            let directory = parent.directory.join(id);
            fs::create_dir(&directory)?;
            group.parts.push(Part {
                version: parent.version,
                directory,
                controllers: parent.controllers.clone(),
            });
        }
        // Asked in this order: what version 2 freezes can still be killed.
        group.parts.sort_by_key(|part| part.version == Version::V1);
        Ok(group)
    }

    fn write_note(&self) -> io::Result<()> {
        let mut text = Vec::new();
        for parent in &self.parents {
            text.extend_from_slice(parent.directory.as_os_str().as_bytes());
            text.push(b'\n');
        }
        fs::write(&self.note, text)
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        self.parents.clear();
        let _ = fs::remove_file(&self.note);
    }
}

/// The group of one sandbox, in every hierarchy. Removed when dropped.
#[derive(Debug)]
pub struct Group {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    version: Version,
    directory: PathBuf,
    controllers: Vec<Controller>,
}

impl Group {
    /// Puts a process in, and with it all that it will start.
    pub fn add(&self, pid: i32) -> io::Result<()> {
        for part in &self.parts {
            files::write(&part.directory, "cgroup.procs", pid)?;
        }
        Ok(())
    }

    /// The version by which a controller is at hand.
    pub fn has(&self, controller: Controller) -> Option<u8> {
        self.part(controller).map(|part| match part.version {
            Version::V1 => 1,
            Version::V2 => 2,
        })
    }

    /// Limits memory, swap included.
    pub fn limit_memory(&mut self, bytes: u64) {
        self.limit(Controller::Memory, |version, group| match version {
            Version::V1 => v1::limit_memory(group, bytes),
            Version::V2 => v2::limit_memory(group, bytes),
        });
    }

    /// Limits the number of processes and threads.
    pub fn limit_processes(&mut self, count: u64) {
        self.limit(Controller::Pids, |_, group| {
            files::write(group, "pids.max", count)
        });
    }

    /// Limits processor time, in processors.
    pub fn limit_cpu(&mut self, cpus: f32) {
        // The kernel takes no less than a millisecond.
        let quota_us = ((f64::from(cpus) * PERIOD_US as f64) as u64).max(1000);
        self.limit(Controller::Cpu, |version, group| match version {
            Version::V1 => v1::limit_cpu(group, quota_us),
            Version::V2 => v2::limit_cpu(group, quota_us),
        });
    }

    /// How much memory is used, where that is counted.
    pub fn memory(&self) -> Option<Memory> {
        let part = self.part(Controller::Memory)?;
        match part.version {
            Version::V1 => v1::memory(&part.directory).ok(),
            Version::V2 => v2::memory(&part.directory).ok(),
        }
    }

    /// How much processor time all in it have had, where that is counted.
    pub fn cpu_time(&self) -> Option<Duration> {
        let part = self.part(Controller::CpuTime)?;
        let time = match part.version {
            Version::V1 => v1::cpu_time_ns(&part.directory),
            Version::V2 => v2::cpu_time_ns(&part.directory),
        };
        time.ok().map(Duration::from_nanos)
    }

    /// How many of its processes the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> Option<u64> {
        let part = self.part(Controller::Memory)?;
        match part.version {
            Version::V1 => v1::oom_kills(&part.directory).ok(),
            Version::V2 => v2::oom_kills(&part.directory).ok(),
        }
    }

    /// How often the limit of processes was in the way.
    pub fn refused_processes(&self) -> Option<u64> {
        let part = self.part(Controller::Pids)?;
        files::field(&part.directory, "pids.events", "max").ok()
    }

    /// Stops all processes where they are, and waits until they stand. `false`: this machine offers
    /// no way to.
    pub async fn freeze(&self) -> io::Result<bool> {
        let Some(part) = self.part(Controller::Freezer) else {
            return Ok(false);
        };
        let frozen = part.freeze().await;
        if frozen.is_err() {
            // Nobody else knows that some of it stands.
            part.set_frozen(false)?;
        }
        frozen.map(|()| true)
    }

    /// Lets frozen processes go on.
    pub fn thaw(&self) -> io::Result<()> {
        self.part(Controller::Freezer)
            .map_or(Ok(()), |part| part.set_frozen(false))
    }

    /// Removes the group, with the processes that may still be in it. Blocks for some milliseconds.
    pub fn remove(&self) {
        for part in &self.parts {
            remove(&part.directory);
        }
    }

    fn part(&self, controller: Controller) -> Option<&Part> {
        let has = |part: &&Part| part.controllers.contains(&controller);
        self.parts.iter().find(has)
    }

    /// A limit that is not accepted, because the service's own group has less, is none.
    fn limit(&mut self, controller: Controller, set: impl Fn(Version, &Path) -> io::Result<()>) {
        for part in &mut self.parts {
            if !part.controllers.contains(&controller) {
                continue;
            }
            if let Err(error) = set(part.version, &part.directory) {
                tracing::debug!(group = %part.directory.display(), ?controller, %error, "a limit is not accepted");
                part.controllers.retain(|other| *other != controller);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Part {
    async fn freeze(&self) -> io::Result<()> {
        self.set_frozen(true)?;
        let start = Instant::now();
        while !self.is_frozen()? {
            if start.elapsed() > FREEZE_WITHIN {
                return Err(io::ErrorKind::TimedOut.into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn set_frozen(&self, frozen: bool) -> io::Result<()> {
        match self.version {
            Version::V1 => v1::set_frozen(&self.directory, frozen),
            Version::V2 => v2::set_frozen(&self.directory, frozen),
        }
    }

    fn is_frozen(&self) -> io::Result<bool> {
        match self.version {
            Version::V1 => v1::is_frozen(&self.directory),
            Version::V2 => v2::is_frozen(&self.directory),
        }
    }
}

/// Removes a group and those in it; what has no processes any more goes at once.
fn remove(group: &Path) {
    let start = Instant::now();
    loop {
        match fs::remove_dir(group) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) if start.elapsed() > REMOVE_WITHIN => {
                tracing::warn!(group = %group.display(), %error, "cannot remove a control group; the next start tries again");
                return;
            }
            Err(_) => empty(group),
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Ends what is left in a group, and removes the groups in it.
fn empty(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            empty(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
    // Frozen processes of version 1 do not even die.
    let _ = v1::set_frozen(group, false);
    if files::write(group, "cgroup.kill", 1).is_ok() {
        return;
    }
    let members = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    // Members that this pid namespace does not know are shown as 0.
    let pids = members.lines().filter_map(|line| line.parse().ok());
    for pid in pids.filter(|pid| *pid > 1) {
        // The number may be another's by now; in these few instructions it is not handed out again.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGKILL,
        );
    }
}

/// Removes what an earlier service noted, unless the note means something else by now.
fn remove_noted(note: &Path) {
    let noted = fs::read_to_string(note).unwrap_or_default();
    for group in noted.lines().map(Path::new) {
        let ours = group
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
            && group.join("cgroup.procs").exists();
        if ours {
            remove(group);
        }
        // Where the service had to move out of the way of its groups.
        let mut leaf = group.as_os_str().to_owned();
        leaf.push("-service");
        let leaf = PathBuf::from(leaf);
        if ours {
            let _ = fs::remove_dir(leaf);
        }
    }
    let _ = fs::remove_file(note);
}
