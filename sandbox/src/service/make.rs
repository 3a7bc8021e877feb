//! Making one sandbox.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use thiserror::Error;
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Service;
use super::start::TRIAL_WITHIN;
use crate::clock;
use crate::confinement::Confinement;
use crate::egress::{Egress, EgressError};
use crate::fork_server::Entered;
use crate::interpreter::ContextError;
use crate::launch::{LaunchError, Launched, Outside};
use crate::leftovers;
use crate::lifecycle::Lifecycle;
use crate::link::Link;
use crate::memory_watch;
use crate::metrics::History;
use crate::outside_id::OutsideId;
use crate::place::{Place, PlaceError};
use crate::process::{Exit, SpawnError};
use crate::protocol::Setup;
use crate::sandbox::{Profile, Sandbox};
use crate::storage::DiskError;

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
    /// Its Python, too.
    #[error(
        "Python does not come to an end inside a sandbox within {} s; see what it runs at its start, and add what it needs with --read-only-path",
        TRIAL_WITHIN.as_secs()
    )]
    Hangs,
    /// Its way out.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Closing,
}

impl Service {
    pub(super) async fn make(
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
        let fork_server = self.zygote.get().cloned().map(|zygote| {
            settled.send_replace(!zygote.is_ready());
            let entered = Entered {
                sandbox: id.clone(),
                zygote,
                entrance,
                confinement: confinement.clone(),
            };
            let closed = closed.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                closed.run_until_cancelled(entered.keep(settled)).await;
            }))
        });
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
            _fork_server: fork_server,
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
}
