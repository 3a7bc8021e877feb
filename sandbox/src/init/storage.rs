//! The writable part of a sandbox's file system, seen from inside.

use std::fs::{self, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MoveMountFlags, UnmountFlags};

use super::root::{self, Source};
use super::{Step, StepError};
use crate::protocol::{STORAGE_DIRECTORIES, Storage};

/// Takes hold of the storage's directories. `scratch` is where it is mounted while that is done.
pub fn gather(
    storage: &Storage,
    mounted: Option<OwnedFd>,
    scratch: &Path,
) -> Result<Vec<Source>, StepError> {
    match (storage, mounted) {
        (Storage::Memory { bytes, files }, _) => {
            // The root of it is one file, the directories are more.
            let files = files + 1 + STORAGE_DIRECTORIES.len() as u64;
            let options = format!("mode=0755,size={bytes},nr_inodes={files}");
            let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
            root::mount("tmpfs", scratch, flags, &options)?;
            furnish(scratch)?;
        }
        (_, Some(mounted)) => rustix::mount::move_mount(
            mounted,
            "",
            CWD,
            scratch,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )
        .step("mount the disk")?,
        (Storage::Mounted | Storage::Host { .. }, None) => return Err(super::out_of_turn()),
    }
    let sources = STORAGE_DIRECTORIES
        .into_iter()
        .map(|(name, _, target)| root::writable(&scratch.join(name), Path::new(target)))
        .collect::<Result<_, _>>()?;
    // The directories stay where they are attached; the whole is nobody's.
    rustix::mount::unmount(scratch, UnmountFlags::DETACH).step("put the disk away")?;
    Ok(sources)
}

fn furnish(scratch: &Path) -> Result<(), StepError> {
    for (name, mode, _) in STORAGE_DIRECTORIES {
        let path = scratch.join(name);
        fs::create_dir(&path)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode)))
            .step("make a directory of the disk")?;
    }
    Ok(())
}

/// The directory in which programs inside and the service meet, for the service.
///
/// Only names in it that are not followed may be opened through it: everything else in it is the
/// program's to choose.
pub fn run_directory(path: &Path) -> Result<OwnedFd, StepError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).step("open the run directory")
}
