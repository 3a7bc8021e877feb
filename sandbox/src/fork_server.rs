//! Keeping a fork server in a sandbox: the zygote enters it, and again when what entered is gone.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::confinement::Confinement;
use crate::outside_process::OutsideProcess;
use crate::zygote::{EnterError, Zygote};

/// Programs of the sandbox may end it, as they may end each other. The zygote is everybody's: one
/// sandbox must not keep it busy.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A sandbox that has, or shall have, a fork server.
pub(crate) struct Entered {
    /// Its id.
    pub(crate) sandbox: String,
    /// Who enters.
    pub(crate) zygote: Arc<Zygote>,
    /// The sandbox's namespaces and rules.
    pub(crate) entrance: Vec<OwnedFd>,
    /// Its limits.
    pub(crate) confinement: Arc<Confinement>,
}

impl Entered {
    /// Does so for good; `settled` is told when the first attempt is over, whatever came of it.
    pub(crate) async fn keep(self, settled: watch::Sender<bool>) {
        let this = Arc::new(self);
        loop {
            this.zygote.ready().await;
            let entering = this.clone();
            let entered = spawn_blocking(move || {
                entering
                    .zygote
                    .enter(&entering.entrance, &entering.confinement)
            });
            match entered.await {
                Ok(Ok(pid)) => {
                    this.confinement.adopt(Some(pid));
                    settled.send_replace(true);
                    // One that cannot be held has ended already.
                    if let Ok(process) = OutsideProcess::hold(pid) {
                        process.ended().await;
                    }
                    this.confinement.adopt(None);
                    tracing::info!(
                        sandbox.id = this.sandbox,
                        "the fork server of sandbox {} has ended; another takes its place",
                        this.sandbox
                    );
                }
                Ok(Err(EnterError::NotReady)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(
                        sandbox.id = this.sandbox,
                        %error,
                        "Python starts in the plain way in sandbox {}; trying again",
                        this.sandbox
                    );
                }
                // The runtime ends.
                Err(_) => return,
            }
            settled.send_replace(true);
            sleep(AGAIN_AFTER).await;
        }
    }
}
