//! The service: all sandboxes, from start to end.

mod make;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use self::make::CreateError;
pub use self::start::ServeError;
use crate::cgroup::Cgroups;
use crate::config::Config;
use crate::egress::{Entry, Policy};
use crate::interpreter::{self, Interpreter};
use crate::launch::Launcher;
use crate::leftovers::StateDirectory;
use crate::lifecycle::{OnTimeout, PauseError};
use crate::meters::Meters;
use crate::pool::{Pool, Waiting};
use crate::protocol::Shim;
use crate::routing;
use crate::sandbox::{Profile, Sandbox};
use crate::storage::Disks;
use crate::zygote::Zygote;

/// After a shutdown signal, open connections get this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);

/// A full disk, say, may have room again.
const PREPARE_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The running service.
pub struct Service {
    pub(crate) config: Config,
    pub(crate) domain: String,
    pub(crate) allow_egress: Arc<[Entry]>,
    pub(crate) meters: Arc<Meters>,
    python: PathBuf,
    read_only: Vec<PathBuf>,
    disks: Disks,
    launcher: Launcher,
    shim: Option<Shim>,
    zygote: OnceLock<Arc<Zygote>>,
    pool: Pool,
    sandboxes: Mutex<BTreeMap<String, Arc<Sandbox>>>,
    first_outside_id: Option<u32>,
    outside_ids: Arc<Mutex<BTreeSet<u32>>>,
    /// Cancelled when it is told to stop.
    closing: CancellationToken,
    cgroups: Cgroups,
    // Last: its directories go after the sandboxes.
    state: StateDirectory,
}

/// Serves sandboxes on `listener` until `shutdown` resolves; then ends them all. `ready` is called
/// when everything is there to serve, and never if it is told to stop before.
pub async fn serve(
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
    config: Config,
    ready: impl FnOnce(),
) -> Result<(), ServeError> {
    let closing = CancellationToken::new();
    let told = closing.clone();
    let _waits = AbortOnDropHandle::new(tokio::spawn(async move {
        shutdown.await;
        told.cancel();
    }));
    let port = listener.local_addr()?.port();
    match Service::start(config, port, closing).await {
        Ok(service) => {
            ready();
            service.run(listener).await
        }
        Err(ServeError::Stopped) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Service {
    /// Serves until it is told to stop, then ends all sandboxes.
    async fn run(self: Arc<Self>, listener: TcpListener) -> Result<(), ServeError> {
        let filling = (self.config.pool > 0)
            .then(|| AbortOnDropHandle::new(tokio::spawn(self.clone().fill_pool())));
        let service = self.clone();
        let ending = async move {
            service.closing.cancelled().await;
            drop(filling);
            // Ends the streams and connections that lead into sandboxes.
            service.end_all().await;
        };
        let app = routing::app(self.clone());
        let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
            // An answer of two small writes must not wait for an acknowledgement.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
        });
        let closing = self.closing.clone();
        let server = axum::serve(listener, app).with_graceful_shutdown(ending);
        let patience = async {
            closing.cancelled().await;
            tokio::time::sleep(DRAIN_WITHIN).await;
        };
        tokio::select! {
            outcome = server => outcome?,
            () = patience => tracing::warn!("connections were still open at the end"),
        }
        // Those made while the others ended.
        self.end_all().await;
        Ok(())
    }

    /// Makes a sandbox that lives for `timeout`.
    pub async fn create(
        self: &Arc<Self>,
        profile: Profile,
        policy: Policy,
        timeout: Duration,
    ) -> Result<Arc<Sandbox>, CreateError> {
        let start = Instant::now();
        let (sandbox, started_with) = match self.pool.take() {
            Some(waiting) => {
                let mut sandbox = waiting.sandbox;
                sandbox.claim(profile, timeout);
                (sandbox, Some(waiting.environment))
            }
            None => (self.make(profile, timeout).await?, None),
        };
        let from_pool = started_with.is_some();
        let sandbox = Arc::new(sandbox);
        if let Err(error) = sandbox.apply(policy).await {
            sandbox.end().await;
            return Err(error.into());
        }
        if let (Some(before), Some(interpreter)) = (started_with, sandbox.interpreter().get()) {
            let mut changed = sandbox.environment();
            changed.retain(|name, value| before.get(name) != Some(value));
            if let Err(error) = interpreter.set_environment(changed).await {
                sandbox.end().await;
                return Err(error.into());
            }
        }
        self.lock().insert(sandbox.id.clone(), sandbox.clone());
        tokio::spawn(watch_over(Arc::downgrade(self), sandbox.clone()));
        // Without a zygote, starting another takes too long.
        if from_pool && self.zygote.get().is_some() {
            tokio::spawn(interpreter::end_unused(sandbox.clone()));
        }
        if self.closing.is_cancelled() {
            self.kill(&sandbox.id).await;
            return Err(CreateError::Closing);
        }
        self.meters.created(start.elapsed());
        tracing::info!(
            sandbox.id = sandbox.id,
            timeout_s = timeout.as_secs(),
            "sandbox {} made",
            sandbox.id
        );
        Ok(sandbox)
    }

    /// A running sandbox.
    pub fn get(&self, id: &str) -> Option<Arc<Sandbox>> {
        self.lock().get(id).cloned()
    }

    /// All running sandboxes, oldest first.
    pub fn list(&self) -> Vec<Arc<Sandbox>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        all
    }

    /// Ends a sandbox with everything in it; `false` if there is none of this id.
    pub async fn kill(&self, id: &str) -> bool {
        let sandbox = self.lock().remove(id);
        let Some(sandbox) = sandbox else {
            return false;
        };
        sandbox.end().await;
        self.meters.ended();
        tracing::info!(sandbox.id = id, "sandbox {id} ended");
        true
    }

    /// Keeps the pool full until the service ends.
    async fn fill_pool(self: Arc<Self>) {
        if let Some(zygote) = self.zygote.get() {
            zygote.ready().await;
        }
        loop {
            self.pool.room().await;
            match self.prepare().await {
                Ok(waiting) => self.pool.put(waiting),
                Err(error) => {
                    tracing::warn!(%error, "no sandbox can be prepared; trying again");
                    tokio::time::sleep(PREPARE_AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn prepare(self: &Arc<Self>) -> Result<Waiting, CreateError> {
        let sandbox = self.make(Profile::default(), Duration::MAX).await?;
        match Interpreter::started(&sandbox).await {
            Ok(interpreter) => {
                // Nobody else has the sandbox, so nobody else can have set it.
                let _ = sandbox.interpreter().set(interpreter);
                let environment = sandbox.environment();
                Ok(Waiting {
                    sandbox,
                    environment,
                })
            }
            Err(error) => {
                sandbox.end().await;
                Err(error.into())
            }
        }
    }

    async fn end_all(&self) {
        let waiting = self.pool.drain();
        join_all(waiting.iter().map(|waiting| waiting.sandbox.end())).await;
        let ids: Vec<_> = self.lock().keys().cloned().collect();
        join_all(ids.iter().map(|id| self.kill(id))).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Sandbox>>> {
        self.sandboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends, or pauses, a sandbox when its time is over, and ends one whose init is gone.
async fn watch_over(service: std::sync::Weak<Service>, sandbox: Arc<Sandbox>) {
    let mut changes = sandbox.lifecycle.subscribe();
    loop {
        let until = changes.borrow_and_update().until;
        let left = (until - Utc::now()).to_std().unwrap_or_default();
        tokio::select! {
            () = sandbox.closed.cancelled() => return,
            () = sandbox.init.ended() => {
                tracing::warn!(sandbox.id = sandbox.id, "the init of sandbox {} has died", sandbox.id);
                break;
            }
            // Waking up daily keeps the sleep within what timers take.
            () = tokio::time::sleep(left.min(Duration::from_secs(86_400))) => {
                let life = sandbox.life();
                if life.until > Utc::now() {
                    continue;
                }
                let Some(service) = service.upgrade().filter(|_| !life.paused && life.on_timeout == OnTimeout::Pause) else {
                    break;
                };
                let keep = service.config.keep_paused;
                drop(service);
                match sandbox.pause_when_due(keep).await {
                    Ok(()) | Err(PauseError::Already | PauseError::NotDue) => {}
                    Err(PauseError::Link(error)) => {
                        tracing::warn!(sandbox.id = sandbox.id, %error, "sandbox {} cannot be paused", sandbox.id);
                        break;
                    }
                }
            }
            _ = changes.changed() => {}
        }
    }
    if let Some(service) = service.upgrade() {
        service.kill(&sandbox.id).await;
    }
}
