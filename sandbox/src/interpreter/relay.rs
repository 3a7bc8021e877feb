//! Stands between the service and a socket of a kernel, and lets no message through that the
//! service has no room for.
//!
//! The code in a sandbox can write to its kernel's sockets whatever it likes, and the client of
//! ZeroMQ makes room for any length it is told, or ends the whole service where there is none. So it
//! never meets the kernel: it connects to a socket of the service's own, and what the kernel says is
//! read here first ([`Frames`]).

mod frames;

use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

pub(super) use frames::Breach;
use frames::Frames;

/// What is on its way at a time; more waits in the kernel.
const BUFFER_BYTES: usize = 32 * 1024;

/// A way to a kernel's socket, for one connection of the service.
pub(super) struct Relay {
    kernel: UnixStream,
    listener: UnixListener,
    socket: SocketFile,
}

/// Why a way to a kernel is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// One of the two closed it.
    Closed,
    /// The kernel sent what must not reach the service.
    Cut(Breach),
}

impl Relay {
    /// Connects to a kernel's socket, and listens at `own`, which nobody but the service may reach.
    pub(super) async fn open(kernel: &Path, own: PathBuf) -> io::Result<Self> {
        let kernel = UnixStream::connect(kernel).await?;
        let listener = UnixListener::bind(&own)?;
        Ok(Self {
            kernel,
            listener,
            socket: SocketFile(own),
        })
    }

    /// Where the service connects.
    pub(super) fn address(&self) -> String {
        format!("ipc://{}", self.socket.0.display())
    }

    /// Passes everything on, both ways, until one side closes or the kernel goes too far.
    pub(super) async fn run(self) -> Loss {
        let service = match accept(&self.listener).await {
            Ok(service) => service,
            Err(_) => return Loss::Closed,
        };
        // For one connection only: what is lost stays lost, and no file is left.
        drop((self.listener, self.socket));
        let (from_service, to_service) = service.into_split();
        let (from_kernel, to_kernel) = self.kernel.into_split();
        tokio::select! {
            loss = pass_messages(from_kernel, to_service) => loss,
            () = pass_all(from_service, to_kernel) => Loss::Closed,
        }
    }
}

/// The connection of this very process.
async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().await?;
        // A sandbox without a root of its own may find the socket, too.
        if stream
            .peer_cred()?
            .pid()
            .and_then(|pid| pid.try_into().ok())
            == Some(std::process::id())
        {
            return Ok(stream);
        }
    }
}

async fn pass_messages(
    mut kernel: impl AsyncRead + Unpin,
    mut service: impl AsyncWrite + Unpin,
) -> Loss {
    let mut frames = Frames::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(count @ 1..) = kernel.read(&mut buffer).await {
        let bytes = &buffer[..count];
        if let Err(breach) = frames.follow(bytes) {
            return Loss::Cut(breach);
        }
        if service.write_all(bytes).await.is_err() {
            break;
        }
    }
    Loss::Closed
}

/// Returns when the service has closed its side.
async fn pass_all(mut service: impl AsyncRead + Unpin, mut kernel: impl AsyncWrite + Unpin) {
    if tokio::io::copy(&mut service, &mut kernel).await.is_err() {
        // A kernel that takes nothing more may still have said something.
        pending().await
    }
}

/// Gone when dropped.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::frames::MESSAGE_BYTES;
    use super::*;

    /// A greeting and one message of a few bytes.
    fn hello() -> Vec<u8> {
        let mut bytes = vec![7; 64];
        bytes.extend(b"\x00\x05hello");
        bytes
    }

    async fn opened() -> (tempfile::TempDir, UnixListener, Relay) {
        let folder = tempfile::tempdir().expect("a folder");
        let kernel = folder.path().join("kernel");
        let listener = UnixListener::bind(&kernel).expect("a socket");
        let relay = Relay::open(&kernel, folder.path().join("own")).await;
        (folder, listener, relay.expect("a relay"))
    }

    #[tokio::test]
    async fn both_sides_hear_each_other_and_no_file_is_left() {
        let (folder, listener, relay) = opened().await;
        let own = folder.path().join("own");
        let running = tokio::spawn(relay.run());
        let mut service = UnixStream::connect(&own).await.expect("a way");
        let (mut kernel, _) = listener.accept().await.expect("a connection");
        kernel.write_all(&hello()).await.expect("room");
        service.write_all(b"anything").await.expect("room");
        let mut heard = vec![0; hello().len()];
        service.read_exact(&mut heard).await.expect("bytes");
        assert_eq!(heard, hello());
        let mut heard = [0; 8];
        kernel.read_exact(&mut heard).await.expect("bytes");
        assert_eq!(&heard, b"anything");
        assert!(!own.exists());
        drop(service);
        assert_eq!(running.await.expect("it ends"), Loss::Closed);
        assert_eq!(kernel.read(&mut [0; 8]).await.expect("an end"), 0);
    }

    #[tokio::test]
    async fn the_last_words_of_a_kernel_that_takes_nothing_arrive() {
        let (folder, listener, relay) = opened().await;
        let running = tokio::spawn(relay.run());
        let own = folder.path().join("own");
        let mut service = UnixStream::connect(own).await.expect("a way");
        let (mut kernel, _) = listener.accept().await.expect("a connection");
        kernel.write_all(&hello()).await.expect("room");
        drop(kernel);
        let _ = service.write_all(b"anything").await;
        let mut heard = vec![0; hello().len()];
        service.read_exact(&mut heard).await.expect("bytes");
        assert_eq!(heard, hello());
        assert_eq!(running.await.expect("it ends"), Loss::Closed);
    }

    #[tokio::test]
    async fn a_length_that_is_too_much_never_arrives() {
        let (folder, listener, relay) = opened().await;
        let running = tokio::spawn(relay.run());
        let own = folder.path().join("own");
        let mut service = UnixStream::connect(own).await.expect("a way");
        let (mut kernel, _) = listener.accept().await.expect("a connection");
        kernel.write_all(&hello()).await.expect("room");
        let mut heard = vec![0; hello().len()];
        service.read_exact(&mut heard).await.expect("bytes");
        let mut header = vec![2];
        header.extend((MESSAGE_BYTES + 1).to_be_bytes());
        kernel.write_all(&header).await.expect("room");
        assert_eq!(running.await.expect("it ends"), Loss::Cut(Breach::TooLarge));
        let mut rest = Vec::new();
        service.read_to_end(&mut rest).await.expect("an end");
        assert!(rest.len() < header.len(), "{rest:?}");
    }

    #[tokio::test]
    async fn a_relay_that_nobody_came_to_leaves_no_file() {
        let (folder, _listener, relay) = opened().await;
        let running = tokio::spawn(relay.run());
        running.abort();
        assert!(running.await.expect_err("it was stopped").is_cancelled());
        assert!(!folder.path().join("own").exists());
    }
}
