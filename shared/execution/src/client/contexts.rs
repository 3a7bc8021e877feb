//! The kernels of a sandbox: E2B calls them contexts.

use model::ports::{Http, Timer};
use model::session::SandboxRef;
use serde::Deserialize;

use super::reply::{accepted, done, reply};
use super::{Client, INTERPRETER_PORT, SandboxError};

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Context {
    id: String,
    language: String,
}

impl<H: Http, T: Timer> Client<'_, H, T> {
    /// Starts the sandbox's Python kernels afresh; what runs in them ends.
    ///
    /// There may be none yet: the first execution makes it.
    pub async fn restart_kernels(&self, sandbox: &SandboxRef) -> Result<(), SandboxError> {
        let what = "list the kernels";
        let response = self
            .get(sandbox, INTERPRETER_PORT, "/contexts", &[])
            .await?;
        let contexts: Vec<Context> = reply(what, accepted(what, sandbox, response).await?).await?;
        for context in contexts
            .iter()
            .filter(|context| context.language == "python")
        {
            let what = "restart the kernel";
            let path = format!("/contexts/{}/restart", context.id);
            let kind = "application/json";
            let response = self
                .data(sandbox, INTERPRETER_PORT, &path, kind, Vec::new())
                .await?;
            done(what, accepted(what, sandbox, response).await?).await?;
        }
        Ok(())
    }
}
