//! What a sandbox has: asked for where a limit is to be named.

use model::ports::{Http, Timer};
use model::session::SandboxRef;
use serde::Deserialize;

use super::reply::{accepted, reply};
use super::{Client, ENVD_PORT, SandboxError};

/// The sizes of a sandbox, in bytes, and what happened there; 0 where the service does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Metrics {
    /// Its memory.
    #[serde(default)]
    pub mem_total: u64,
    /// Its disk.
    #[serde(default)]
    pub disk_total: u64,
    /// How many processes were ended for want of memory; only our own service counts them.
    #[serde(default)]
    pub oom_kills: u64,
}

impl<H: Http, T: Timer> Client<'_, H, T> {
    /// How large the sandbox is.
    pub async fn metrics(&self, sandbox: &SandboxRef) -> Result<Metrics, SandboxError> {
        let what = "read metrics";
        let response = self.get(sandbox, ENVD_PORT, "/metrics", &[]).await?;
        reply(what, accepted(what, sandbox, response).await?).await
    }
}
