//! The way out: nothing leaves a sandbox but through a proxy of the service, to whom the rules allow.
//!
//! A sandbox has no network of its own. If its rules let it reach anybody, two listeners appear in
//! it, made by its init: TCP on its loopback, which every HTTP client can be told of by the usual
//! variables, and a unix socket, [`SOCKET`]. Their descriptors come out to the service, which
//! serves them, looks names up and connects. [`policy`] decides, [`dial`] carries that out.

mod address;
mod dial;
mod entry;
mod idle;
mod policy;
mod proxy;

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use entry::Entry;
pub use policy::{Ask, Beyond, Policy};
use proxy::Proxy;

use crate::link::{Link, LinkError};
use crate::meters::Meters;
use crate::protocol::Request;
use crate::sandbox::RUN;

/// The name of the unix socket in the directory shared with the service.
pub const SOCKET: &str = "egress.sock";
/// The usual port of a proxy. If a program inside has it already, another one is taken.
const PORT: u16 = 3128;

/// The proxy could not be set up inside.
#[derive(Debug, Error)]
pub enum EgressError {
    /// The init did not listen.
    #[error("the proxy of the sandbox cannot listen inside: {0}")]
    Listen(#[from] LinkError),
    /// The service cannot use the listener.
    #[error("the proxy of the sandbox cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// One sandbox's way out.
pub struct Egress {
    policy: watch::Sender<Arc<Policy>>,
    doors: Mutex<Option<DropGuard>>,
    /// 0 while there is no proxy.
    port: AtomicU16,
}

/// What a way out is made with.
pub struct Surroundings<'a> {
    /// For the log.
    pub sandbox_id: &'a str,
    /// To the init.
    pub control: &'a Link,
    /// To the init, for files.
    pub files: &'a Link,
    /// Cancelled when the sandbox ends.
    pub closed: &'a CancellationToken,
    /// Who counts.
    pub meters: &'a Arc<Meters>,
}

impl Egress {
    /// No way out.
    pub fn closed() -> Self {
        Self {
            policy: watch::channel(Arc::default()).0,
            doors: Mutex::new(None),
            port: AtomicU16::new(0),
        }
    }

    /// The rules in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }

    /// Puts rules into force. Connections that they do not allow are closed.
    pub async fn apply(&self, policy: Policy, within: Surroundings<'_>) -> Result<(), EgressError> {
        let mut doors = self.doors.lock().await;
        let open = policy.is_open();
        self.policy.send_replace(Arc::new(policy));
        if open && doors.is_none() {
            let (closing, port) = self.listen(&within).await?;
            self.port.store(port, Ordering::Relaxed);
            *doors = Some(closing.drop_guard());
        } else if !open && doors.take().is_some() {
            self.port.store(0, Ordering::Relaxed);
            // Waited for: the next listener has the same name. If the init is gone, so is the file.
            let _ = within
                .files
                .request(&Request::Remove { path: socket() })
                .await;
        }
        Ok(())
    }

    /// What tells clients inside of the proxy.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let port = self.port.load(Ordering::Relaxed);
        if port == 0 {
            return BTreeMap::new();
        }
        let proxy = format!("http://127.0.0.1:{port}");
        let local = "localhost,127.0.0.1,::1".to_owned();
        // Some clients read only the one spelling, some only the other.
        [
            ("http_proxy", &proxy),
            ("https_proxy", &proxy),
            ("no_proxy", &local),
        ]
        .into_iter()
        .flat_map(|(name, value)| {
            [name.to_owned(), name.to_uppercase()].map(|name| (name, value.clone()))
        })
        .collect()
    }

    async fn listen(
        &self,
        within: &Surroundings<'_>,
    ) -> Result<(CancellationToken, u16), EgressError> {
        let closing = within.closed.child_token();
        let proxy = Arc::new(Proxy::new(
            within.sandbox_id,
            self.policy.subscribe(),
            closing.clone(),
            within.meters.clone(),
        ));
        let tcp = match descriptor(within.control, &Request::ListenTcp { port: PORT }).await {
            Err(LinkError::Refused(_)) => {
                descriptor(within.control, &Request::ListenTcp { port: 0 }).await?
            }
            outcome => outcome?,
        };
        let tcp = StdTcpListener::from(tcp);
        let port = tcp.local_addr()?.port();
        tcp.set_nonblocking(true)?;
        let tcp = TcpListener::from_std(tcp)?;
        let unix = descriptor(within.control, &Request::ListenUnix { path: socket() }).await?;
        let unix = StdUnixListener::from(unix);
        unix.set_nonblocking(true)?;
        let unix = UnixListener::from_std(unix)?;
        tokio::spawn(keep_doors(proxy, closing.clone(), tcp, unix));
        Ok((closing, port))
    }
}

/// Serves whoever comes through either door.
async fn keep_doors(
    proxy: Arc<Proxy>,
    closing: CancellationToken,
    tcp: TcpListener,
    unix: UnixListener,
) {
    loop {
        let outcome = tokio::select! {
            () = closing.cancelled() => return,
            accepted = tcp.accept() => accepted.map(|(stream, _)| proxy.admit(stream)),
            accepted = unix.accept() => accepted.map(|(stream, _)| proxy.admit(stream)),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "a proxy cannot accept a connection");
            // Too many open files, as a rule: it passes.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

fn socket() -> PathBuf {
    PathBuf::from(RUN).join(SOCKET)
}

async fn descriptor(control: &Link, request: &Request) -> Result<OwnedFd, LinkError> {
    let answer = control.request(request).await?;
    answer
        .descriptors
        .into_iter()
        .next()
        .ok_or(LinkError::Mismatch)
}
