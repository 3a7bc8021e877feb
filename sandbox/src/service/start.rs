//! Starting the service: what fails, fails here, and so it can be told to stop meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{CreateError, Service};
use crate::cgroup::Cgroups;
use crate::config::Config;
use crate::confinement::Confinement;
use crate::launch::{LaunchError, Launcher};
use crate::layers;
use crate::leftovers::{StateDirectory, StateError};
use crate::metrics;
use crate::outside_id::first_outside_id;
use crate::pool::Pool;
use crate::process::{Exit, Spawn};
use crate::protocol::{Isolation, Shim};
use crate::sandbox::Profile;
use crate::storage::Disks;
use crate::zygote::{Start, Zygote};

/// Python starts and ends in a second or two, also where it is slow.
pub(super) const TRIAL_WITHIN: Duration = Duration::from_secs(60);

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
    /// There is no program for the inits.
    #[error("{0}; build the whole service with `cargo xtask build`")]
    NoInit(LaunchError),
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
    /// It was told to stop before it was ready.
    #[error("the service was told to stop while it started")]
    Stopped,
}

impl Service {
    /// Cleans up after an earlier service and makes a trial sandbox: what fails, fails here.
    ///
    /// When `closing` is cancelled it stops, now and later on.
    pub(super) async fn start(
        config: Config,
        port: u16,
        closing: CancellationToken,
    ) -> Result<Arc<Self>, ServeError> {
        let found = closing.run_until_cancelled(find_python(&config.venv));
        let (python, base) = found.await.ok_or(ServeError::Stopped)??;
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
        let program = program_beside("sandbox-init")?;
        let launcher = Launcher::new(program).map_err(ServeError::NoInit)?;
        let service = Arc::new(Self {
            domain: config
                .domain
                .clone()
                .unwrap_or_else(|| format!("localhost:{port}")),
            disks,
            meters: Arc::default(),
            allow_egress: config.allow_egress.clone().into(),
            launcher,
            shim: find_shim(&config, &python),
            zygote: OnceLock::new(),
            pool: Pool::new(config.pool),
            python,
            read_only,
            sandboxes: Mutex::default(),
            first_outside_id: first_outside_id(&config),
            outside_ids: Arc::default(),
            cgroups,
            closing,
            state,
            config,
        });
        let isolation = service.config.isolation;
        let tried = service.try_out().await.map_err(|error| match isolation {
            _ if matches!(error, CreateError::Closing) => ServeError::Stopped,
            Isolation::Namespaces => ServeError::NoIsolation(error),
            Isolation::None => ServeError::NoSandbox(error),
        })?;
        service.start_zygote()?;
        if let Some(zygote) = service
            .zygote
            .get()
            .filter(|_| service.config.wait_for_zygote)
        {
            let ready = service.closing.run_until_cancelled(zygote.ready());
            ready.await.ok_or(ServeError::Stopped)?;
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
        let exit = tokio::select! {
            exit = timeout(TRIAL_WITHIN, process.wait()) => exit.map_err(|_| CreateError::Hangs),
            () = self.closing.cancelled() => Err(CreateError::Closing),
        };
        sandbox.end().await;
        match exit? {
            Exit::Code(0) => Ok(sandbox.confinement.clone()),
            exit => Err(CreateError::Python(exit)),
        }
    }
}

/// A program that is built together with this one.
fn program_beside(name: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// What stands in for the interpreter, where sandboxes have a zygote.
fn find_shim(config: &Config, python: &Path) -> Option<Shim> {
    if !config.zygote || config.isolation == Isolation::None {
        return None;
    }
    let find = || -> io::Result<Shim> {
        let program = program_beside("shim")?;
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
        .kill_on_drop(true)
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
