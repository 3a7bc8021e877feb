//! Mounts that are in no directory tree yet: only who holds the descriptor reaches them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, Uid};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

use crate::protocol::STORAGE_DIRECTORIES;

/// Mounts the ext4 file system on a device.
pub fn ext4(device: &Path) -> io::Result<OwnedFd> {
    let context = fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", device)?;
    // What is deleted inside is given back to the host; what was never written need not be wiped.
    for option in ["discard", "noinit_itable"] {
        fsconfig_set_flag(context.as_fd(), option)?;
    }
    fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOATIME;
    Ok(fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        attributes,
    )?)
}

/// Makes the sandbox's directories, owned by its user.
pub fn furnish(mounted: &OwnedFd, owner: u32) -> io::Result<()> {
    for (name, mode, _) in STORAGE_DIRECTORIES {
        let mode = Mode::from_raw_mode(mode);
        rustix::fs::mkdirat(mounted, name, mode)?;
        // The service's umask has taken bits off.
        rustix::fs::chmodat(mounted, name, mode, AtFlags::empty())?;
        rustix::fs::chownat(
            mounted,
            name,
            Some(Uid::from_raw(owner)),
            Some(Gid::from_raw(owner)),
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
    }
    Ok(())
}
