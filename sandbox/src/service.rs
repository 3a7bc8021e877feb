//! The service: all sandboxes, from start to end.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::future::join_all;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cgroup::Cgroups;
use crate::clock;
use crate::config::Config;
use crate::confinement::Confinement;
use crate::egress::{Egress, EgressError, Entry, Policy};
use crate::interpreter::{self, ContextError, Interpreter};
use crate::launch::{LaunchError, Launched, Launcher, Outside};
use crate::layers;
use crate::leftovers::{self, StateDirectory, StateError};
use crate::lifecycle::{Lifecycle, OnTimeout, PauseError};
use crate::link::Link;
use crate::memory_watch;
use crate::meters::Meters;
use crate::metrics::{self, History};
use crate::outside_id::{OutsideId, first_outside_id};
use crate::place::{Place, PlaceError};
use crate::pool::{Pool, Waiting};
use crate::process::{Exit, Spawn, SpawnError};
use crate::protocol::{Isolation, Setup, Shim};
use crate::routing;
use crate::sandbox::{Profile, Sandbox};
use crate::storage::{DiskError, Disks};
use crate::zygote::{Start, Zygote};

/// After a shutdown signal, open connections get this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);

/// A full disk, say, may have room again.
const PREPARE_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Why the service did not start, or stopped.
#[derive(Debug, Error)]
pub enum ServeError {
    /// There is no usable Python.
    #[error("no Python runs in '{}': {reason}; make the environment with `cargo xtask up`, or name one with --venv", .venv.display())]
    NoPython {
        /// The environment asked for.
        venv: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The trial sandbox did not come up.
    #[error(
        "this machine does not let the service isolate sandboxes ({0}); allow user namespaces (sysctl \
         kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces>0; \
         in a container, a seccomp profile that allows unshare and mount), or, for trusted code only, start with \
         --insecure-no-isolation"
    )]
    NoIsolation(CreateError),
    /// Without isolation, too, the trial sandbox did not come up.
    #[error("no sandbox can be started: {0}")]
    NoSandbox(CreateError),
    /// The listener broke.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
}

/// Why a sandbox could not be made.
#[derive(Debug, Error)]
pub enum CreateError {
    /// Its directories.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its control group.
    #[error(
        "cannot make the sandbox's control group: {0}; see that /sys/fs/cgroup stays as it was when the service started"
    )]
    Group(io::Error),
    /// Its init.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Its sockets, its note, or its id.
    #[error("cannot set up the sandbox: {0}")]
    Io(#[from] io::Error),
    /// Its kernel.
    #[error(transparent)]
    Kernel(#[from] ContextError),
    /// Its first program.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Its Python.
    #[error(
        "Python does not run inside a sandbox ({0:?}); add what it needs with --read-only-path"
    )]
    Python(Exit),
    /// Its way out.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Closing,
}

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
    closing: CancellationToken,
    cgroups: Cgroups,
    // Last: its directories go after the sandboxes.
    state: StateDirectory,
}

/// Serves sandboxes on `listener` until `shutdown` resolves; then ends them all.
pub async fn serve(
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
    config: Config,
) -> Result<(), ServeError> {
    let service = Service::start(config, listener.local_addr()?.port()).await?;
    service.run(listener, shutdown).await
}

impl Service {
    /// Cleans up after an earlier service and makes a trial sandbox: what fails, fails here.
    pub async fn start(config: Config, port: u16) -> Result<Arc<Self>, ServeError> {
        let (python, base) = find_python(&config.venv).await?;
        let state = StateDirectory::open(&config.state_dir)?;
        let mut read_only = vec![base];
        read_only.extend(python.ancestors().nth(2).map(Path::to_owned));
        read_only.extend(config.read_only.iter().cloned());
        read_only.sort();
        read_only.dedup();
        let (isolation, limits) = (config.isolation, config.limits.clone());
        let directory = state.sandboxes().to_owned();
        let note = state.root().join("control-groups");
        let (disks, cgroups) = tokio::task::spawn_blocking(move || {
            let cgroups = Cgroups::open(note);
            (Disks::prepare(isolation, &limits, &directory), cgroups)
        })
        .await
        .map_err(io::Error::from)?;
        let service = Arc::new(Self {
            domain: config
                .domain
                .clone()
                .unwrap_or_else(|| format!("localhost:{port}")),
            disks,
            meters: Arc::default(),
            allow_egress: config.allow_egress.clone().into(),
            launcher: Launcher::new(&config.init_program),
            shim: find_shim(&config, &python),
            zygote: OnceLock::new(),
            pool: Pool::new(config.pool),
            python,
            read_only,
            sandboxes: Mutex::default(),
            first_outside_id: first_outside_id(&config),
            outside_ids: Arc::default(),
            cgroups,
            closing: CancellationToken::new(),
            state,
            config,
        });
        let isolation = service.config.isolation;
        let tried = service.try_out().await.map_err(|error| match isolation {
            Isolation::Namespaces => ServeError::NoIsolation(error),
            Isolation::None => ServeError::NoSandbox(error),
        })?;
        service.start_zygote()?;
        if let Some(zygote) = service
            .zygote
            .get()
            .filter(|_| service.config.wait_for_zygote)
        {
            zygote.ready().await;
        }
        for layer in layers::active(&service.config, &service.disks, &tried) {
            tracing::info!("isolation: {layer}");
        }
        tokio::spawn(metrics::sample(Arc::downgrade(&service)));
        Ok(service)
    }

    /// It gets ready while sandboxes are served already.
    fn start_zygote(&self) -> io::Result<()> {
        if let Some(shim) = &self.shim {
            let scratch = self.state.root().join("zygote");
            std::fs::create_dir_all(&scratch)?;
            let zygote = Zygote::start(Start {
                python: self.python.clone(),
                interpreter: shim.interpreter.clone(),
                preload: self.config.preload.clone(),
                scratch,
            })?;
            let _ = self.zygote.set(Arc::new(zygote));
        }
        Ok(())
    }

    /// Serves until `shutdown` resolves, then ends all sandboxes.
    pub async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let filling = (self.config.pool > 0)
            .then(|| AbortOnDropHandle::new(tokio::spawn(self.clone().fill_pool())));
        let service = self.clone();
        let ending = async move {
            shutdown.await;
            service.closing.cancel();
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

    async fn make(
        self: &Arc<Self>,
        profile: Profile,
        timeout: Duration,
    ) -> Result<Sandbox, CreateError> {
        let id = clock::random_id(20)?;
        let outside = OutsideId::take(self.first_outside_id, &self.outside_ids);
        let service = self.clone();
        let (isolation, hostname) = (self.config.isolation, id.clone());
        let user = outside.as_ref().map(|outside| outside.id);
        let (place, confinement, launched) =
            tokio::task::spawn_blocking(move || -> Result<_, CreateError> {
                let place = Place::make(
                    service.state.sandboxes(),
                    service.state.runs(),
                    &hostname,
                    isolation,
                )?;
                let limits = &service.config.limits;
                let owner = user.unwrap_or(nix::unistd::geteuid().as_raw());
                let (storage, mounted) = service.disks.allot(limits, owner, place.run())?;
                let group = service
                    .cgroups
                    .group(&hostname)
                    .map_err(CreateError::Group)?;
                let memory = service.disks.memory(limits);
                let confinement = Confinement::new(group, limits.clone(), memory);
                let setup = Setup {
                    isolation,
                    hostname,
                    storage,
                    shared_memory: limits.memory / 2,
                    memory_is_counted: confinement.memory_is_limited(),
                    rlimits: confinement.rlimits(),
                    read_only: service.read_only.clone(),
                    shim: service.shim.clone(),
                };
                let outside = user.map_or(Outside::Own, Outside::Id);
                let launched = service
                    .launcher
                    .launch(setup, mounted, outside, &confinement)?;
                leftovers::note_init(&place.init_note(), launched.init.pid)?;
                Ok((place, Arc::new(confinement), launched))
            })
            .await
            .map_err(io::Error::from)??;
        let Launched {
            init,
            control,
            files,
            run,
            entrance,
        } = launched;
        let closed = CancellationToken::new();
        let (settled, is_settled) = watch::channel(false);
        if let Some(zygote) = self.zygote.get().cloned() {
            settled.send_replace(!zygote.is_ready());
            let (confinement, closed) = (confinement.clone(), closed.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = zygote.ready() => {}
                    () = closed.cancelled() => return,
                }
                let enter = move || zygote.enter(&entrance, &confinement);
                let outcome = tokio::task::spawn_blocking(enter).await;
                if let Ok(Err(error)) = outcome
                    && !closed.is_cancelled()
                {
                    tracing::warn!(%error, "Python starts in the plain way in a sandbox");
                }
                settled.send_replace(true);
            });
        }
        if !confinement.memory_is_limited() {
            tokio::spawn(memory_watch::watch(Arc::downgrade(&confinement)));
        }
        let (started_at, on_timeout) = (Utc::now(), profile.on_timeout);
        Ok(Sandbox {
            id,
            profile,
            started_at,
            lifecycle: Lifecycle::begin(started_at, timeout, on_timeout),
            control: Arc::new(Link::new(control)?),
            files: Link::new(files)?,
            closed,
            egress: Egress::closed(),
            meters: self.meters.clone(),
            processes: Default::default(),
            watchers: Default::default(),
            isolation,
            settled: is_settled,
            python: self.python.clone(),
            interpreter: OnceCell::new(),
            init,
            confinement,
            history: History::default(),
            run,
            limits: self.config.limits.clone(),
            ended: OnceCell::new(),
            place,
            _outside: outside,
        })
    }

    /// Makes a sandbox, runs Python in it, and ends it. What held it is what will hold the others.
    async fn try_out(self: &Arc<Self>) -> Result<Arc<Confinement>, CreateError> {
        let sandbox = self.make(Profile::default(), Duration::ZERO).await?;
        let argv = vec![
            sandbox.python().display().to_string(),
            "-c".to_owned(),
            "import encodings".to_owned(),
        ];
        let process = sandbox
            .spawn(Spawn {
                argv,
                ..Spawn::default()
            })
            .await?;
        let exit = process.wait().await;
        sandbox.end().await;
        match exit {
            Exit::Code(0) => Ok(sandbox.confinement.clone()),
            exit => Err(CreateError::Python(exit)),
        }
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

/// What stands in for the interpreter, where sandboxes have a zygote.
fn find_shim(config: &Config, python: &Path) -> Option<Shim> {
    if !config.zygote || config.isolation == Isolation::None {
        return None;
    }
    let find = || -> io::Result<Shim> {
        // Both are built together.
        let program = std::env::current_exe()?.with_file_name("shim");
        std::fs::metadata(&program)?;
        Ok(Shim {
            program,
            bin: python.parent().unwrap_or(Path::new("/")).to_owned(),
            interpreter: python.canonicalize()?,
        })
    };
    match find() {
        Ok(shim) => Some(shim),
        Err(error) => {
            tracing::warn!(%error, "no program 'shim' beside this one: Python starts in the plain way");
            None
        }
    }
}

/// The environment's Python, and the installation it is based on.
async fn find_python(venv: &Path) -> Result<(PathBuf, PathBuf), ServeError> {
    let no_python = |reason: String| ServeError::NoPython {
        venv: venv.to_owned(),
        reason,
    };
    let venv = venv
        .canonicalize()
        .map_err(|error| no_python(error.to_string()))?;
    let python = venv.join("bin/python");
    let output = Command::new(&python)
        .args(["-I", "-c", "import sys; print(sys.base_prefix)"])
        .output()
        .await
        .map_err(|error| no_python(error.to_string()))?;
    let base = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || base.is_empty() {
        return Err(no_python(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    Ok((python, PathBuf::from(base)))
}
