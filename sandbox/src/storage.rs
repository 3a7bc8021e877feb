//! What a sandbox may write, and how much: one small file system each.
//!
//! `/home/user`, `/tmp`, `/var/tmp` and `/run/conductor` are directories of it, so one limit of
//! bytes and one of files hold for all four. As root it is an ext4 image on a loop device
//! ([`image`], [`loop_device`], [`mount`]): the image has no name on disk and the mount exists only
//! in the sandbox, so both vanish with it, also when the service is killed. Otherwise it is a tmpfs
//! that the init mounts in its own namespaces.

mod image;
mod loop_device;
mod mount;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use thiserror::Error;

use crate::limits::{Limits, Size};
use crate::protocol::{Isolation, Storage};
use image::Template;

/// How sandboxes get their storage. Decided once, when the service starts.
pub enum Disks {
    /// A copy of one formatted image each.
    Images(Template),
    /// A tmpfs each; why there are no images.
    Memory(String),
    /// Plain directories of the host, without a limit.
    Directories,
}

/// The storage of a sandbox could not be made.
#[derive(Debug, Error)]
#[error("cannot make the sandbox's disk: {step}: {source}")]
pub struct DiskError {
    step: &'static str,
    source: io::Error,
}

impl DiskError {
    fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { step, source }
    }
}

impl Disks {
    /// Formats the template in `directory`, which must be the service's own, and tries it.
    pub fn prepare(isolation: Isolation, limits: &Limits, directory: &Path) -> Self {
        if isolation == Isolation::None {
            return Self::Directories;
        }
        if !nix::unistd::geteuid().is_root() {
            return Self::Memory("images need root".to_owned());
        }
        let tried = Template::format(directory, limits.disk, limits.files)
            .and_then(|template| template.mount(0).map(|_| template));
        match tried {
            Ok(template) => Self::Images(template),
            Err(error) => Self::Memory(error.to_string()),
        }
    }

    /// The storage of one sandbox, whose user has the id `owner` outside: what to tell its init,
    /// and the mounted file system to hand over with that. `run` is the run directory where there
    /// is no storage. Takes some milliseconds.
    pub fn allot(
        &self,
        limits: &Limits,
        owner: u32,
        run: &Path,
    ) -> Result<(Storage, Option<OwnedFd>), DiskError> {
        Ok(match self {
            Self::Images(template) => (Storage::Mounted, Some(template.mount(owner)?)),
            Self::Memory(_) => {
                let (bytes, files) = (limits.disk, limits.files);
                (Storage::Memory { bytes, files }, None)
            }
            Self::Directories => {
                let run = run.to_owned();
                (Storage::Host { run }, None)
            }
        })
    }

    /// What of the storage is charged to the sandbox's memory: a tmpfs is made of it.
    pub fn memory(&self, limits: &Limits) -> u64 {
        match self {
            Self::Memory(_) => limits.disk,
            Self::Images(_) | Self::Directories => 0,
        }
    }

    /// For the list of active layers.
    pub fn layer(&self, limits: &Limits) -> String {
        let size = format!("{} and {} files", Size(limits.disk), limits.files);
        match self {
            Self::Images(_) => format!("disk: {size} a sandbox, an ext4 image on a loop device"),
            Self::Memory(reason) => format!(
                "disk: {size} a sandbox, a tmpfs on top of its memory limit, because {reason}"
            ),
            Self::Directories => "disk: NO limit, plain directories of this machine".to_owned(),
        }
    }
}
