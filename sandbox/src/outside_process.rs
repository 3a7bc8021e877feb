//! A process of a sandbox, held from outside by a descriptor: its number may become another's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Holds it; does not end it when dropped.
pub(crate) struct OutsideProcess(AsyncFd<OwnedFd>);

impl OutsideProcess {
    /// By its number outside, which must still be its own. To be called in a runtime.
    pub(crate) fn hold(pid: i32) -> io::Result<Self> {
        let number = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        let descriptor = rustix::process::pidfd_open(number, PidfdFlags::empty())?;
        // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives, and it is
        // neither replaced nor closed before the `AsyncFd` is dropped.
        let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        Ok(Self(watched?))
    }

    /// Resolves when it has ended.
    pub(crate) async fn ended(&self) {
        // A pidfd is readable once its process has ended, and stays so.
        if let Err(error) = self.0.readable().await {
            tracing::debug!(%error, "the runtime ends");
        }
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        // Fails only if it has been reaped already.
        let _ = rustix::process::pidfd_send_signal(self.0.get_ref(), Signal::KILL);
    }

    /// Waits for a child of the service, and forgets it.
    pub(crate) fn reap(&self) {
        let _ = rustix::process::waitid(
            WaitId::PidFd(self.0.get_ref().as_fd()),
            WaitIdOptions::EXITED,
        );
    }
}
