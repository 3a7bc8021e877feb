//! Network: a loopback and nothing else.

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::os::fd::AsRawFd;

use super::{Step, StepError};

/// A new network namespace has a loopback that is down. There is no other interface.
pub fn raise_loopback() -> Result<(), StepError> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .step("open a socket")?;
    // SAFETY: all-zero bytes are a valid `ifreq`: it holds integers, bytes and a raw pointer.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *slot = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives through the call.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) };
    nix::errno::Errno::result(outcome).step("raise the loopback")?;
    // So that an app may listen on port 80. Not worth failing for.
    let _ = std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok(())
}
