//! Disk images: one is formatted at the start of the service, each sandbox gets a sparse copy.
//!
//! An image is an open file without a name: nothing of it is left when the last descriptor is
//! closed, by whomever.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::{DiskError, loop_device, mount};

const INODE_BYTES: u64 = 256;

/// A formatted, empty file system.
pub struct Template {
    image: File,
    /// Copies are made beside it, so that they can share its blocks where the host's disk can.
    directory: PathBuf,
}

impl Template {
    /// Formats an image with room for `bytes` in `files` files.
    pub fn format(directory: &Path, bytes: u64, files: u64) -> Result<Self, DiskError> {
        let path = directory.join("template");
        let made = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|image| image.set_len(image_bytes(bytes, files)).map(|()| image))
            .map_err(DiskError::at("make an image"));
        let formatted = made.and_then(|image| run_mkfs(&path, files).map(|()| image));
        // Only the formatter needs a name.
        let _ = fs::remove_file(&path);
        Ok(Self {
            image: formatted?,
            directory: directory.to_owned(),
        })
    }

    /// A copy of the template, mounted nowhere yet, with the sandbox's directories in it.
    pub fn mount(&self, owner: u32) -> Result<OwnedFd, DiskError> {
        let image = self.copy().map_err(DiskError::at("copy an image"))?;
        let device = loop_device::attach(&image).map_err(DiskError::at("attach a loop device"))?;
        // The mount holds the device from here on, and the device the image.
        let mounted = mount::ext4(&device.path).map_err(DiskError::at("mount ext4"))?;
        mount::furnish(&mounted, owner).map_err(DiskError::at("make directories"))?;
        Ok(mounted)
    }

    fn copy(&self) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let copy = rustix::fs::open(&self.directory, flags, Mode::RUSR | Mode::WUSR)?;
        if rustix::fs::ioctl_ficlone(&copy, &self.image).is_err() {
            copy_data(&self.image, &copy)?;
        }
        Ok(File::from(copy))
    }
}

/// The tables and the reserve of the file system come on top of what was promised.
fn image_bytes(bytes: u64, files: u64) -> u64 {
    let whole = bytes + bytes / 32 + files * INODE_BYTES + (1 << 20);
    whole.next_multiple_of(1 << 20)
}

/// Without a journal, a table that is written at once, or a reserve: for nobody's disk but a
/// sandbox's, which does not outlive a crash.
fn run_mkfs(path: &Path, files: u64) -> Result<(), DiskError> {
    let mut mkfs = Command::new("mkfs.ext4");
    mkfs.args(["-q", "-F", "-b", "4096", "-m", "0"])
        .args(["-I", &INODE_BYTES.to_string(), "-N", &files.to_string()])
        .args(["-O", "^has_journal,^resize_inode"])
        .args(["-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"])
        .arg(path);
    // Where an administrator's tools are, also when the service was started without them on PATH.
    let path = std::env::var("PATH").unwrap_or_default();
    mkfs.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    mkfs.stdin(Stdio::null()).stdout(Stdio::null());
    let mut run = || {
        let output = mkfs.output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
        }
    };
    run().map_err(DiskError::at("run mkfs.ext4"))
}

/// Copies what is not a hole: some dozens of KiB of an empty file system.
fn copy_data(from: &File, to: &OwnedFd) -> io::Result<()> {
    let length = from.metadata()?.len();
    rustix::fs::ftruncate(to, length)?;
    let mut start = 0;
    // The offset that seeking moves is shared by all who copy at the same time: nobody uses it.
    loop {
        start = match rustix::fs::seek(from, SeekFrom::Data(start)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(start))?;
        while start < end {
            let (mut read, mut written) = (start, start);
            let step = (end - start) as usize;
            let count =
                rustix::fs::copy_file_range(from, Some(&mut read), to, Some(&mut written), step)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            start += count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    #[test]
    fn a_copy_has_the_data_and_the_holes() -> io::Result<()> {
        let from = tempfile::tempfile()?;
        from.set_len(8 << 20)?;
        from.write_all_at(b"first", 0)?;
        from.write_all_at(b"second", 5 << 20)?;
        let to = tempfile::tempfile()?;
        copy_data(&from, &to.try_clone()?.into())?;
        let mut bytes = [0; 6];
        to.read_exact_at(&mut bytes, 5 << 20)?;
        assert_eq!(&bytes, b"second");
        let metadata = to.metadata()?;
        assert_eq!(metadata.len(), 8 << 20);
        assert!(metadata.blocks() * 512 < 1 << 20, "it is sparse");
        Ok(())
    }
}
