//! Loop devices: a file as a block device, for as long as somebody uses it. See loop(4).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::errno::Errno;

const GET_FREE: libc::c_ulong = 0x4c82;
const CONFIGURE: libc::c_ulong = 0x4c0a;
/// The device lets go of its file when the last user closes it.
const AUTOCLEAR: u32 = 4;
/// Whoever else takes a device between our asking for one and our taking it makes us ask again.
const ATTEMPTS: usize = 100;

/// An attached device. It stays attached while this, or a mount of it, lives.
pub struct LoopDevice {
    /// Below `/dev`.
    pub path: PathBuf,
    _device: File,
}

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of linux/loop.h.
#[repr(C)]
struct LoopConfig {
    file: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// Makes a file a block device.
pub fn attach(file: impl AsFd) -> io::Result<LoopDevice> {
    let control = open("/dev/loop-control".into())?;
    let mut outcome = Errno::EBUSY;
    for _ in 0..ATTEMPTS {
        // SAFETY: LOOP_CTL_GET_FREE takes no argument and returns a number.
        let number = unsafe { libc::ioctl(control.as_raw_fd(), GET_FREE) };
        let number = Errno::result(number)?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = open(path.clone())?;
        outcome = match configure(&device, &file) {
            Ok(()) => {
                return Ok(LoopDevice {
                    path,
                    _device: device,
                });
            }
            // Taken by another, or still letting go of its last file.
            Err(error @ (Errno::EBUSY | Errno::ENXIO)) => error,
            Err(error) => return Err(error.into()),
        };
    }
    Err(outcome.into())
}

fn configure(device: &File, file: &impl AsFd) -> Result<(), Errno> {
    // SAFETY: all-zero bytes are a valid `loop_config`: it holds integers only.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.file = file.as_fd().as_raw_fd() as u32;
    config.block_size = 4096;
    config.info.flags = AUTOCLEAR;
    // SAFETY: LOOP_CONFIGURE reads one `loop_config`, which lives through the call.
    let outcome = unsafe { libc::ioctl(device.as_raw_fd(), CONFIGURE, &config) };
    Errno::result(outcome).map(drop)
}

fn open(path: PathBuf) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC)
        .open(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
