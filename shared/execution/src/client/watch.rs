//! What happens in a directory of a sandbox, told as it happens.

use model::ports::{Body, Http, Timer};
use model::session::SandboxRef;
use serde_json::json;

use super::envelopes::{self, Envelopes};
use super::reply::{accepted, done};
use super::{Client, ENVD_PORT, SandboxError, json_bytes};

const WHAT: &str = "watch a directory";

/// A directory that is watched, without those below it.
#[derive(Debug)]
pub struct DirectoryWatch<B> {
    envelopes: Envelopes<B>,
}

impl<H: Http, T: Timer> Client<'_, H, T> {
    /// Watches a directory; what happens there from now on is told.
    pub async fn watch(
        &self,
        sandbox: &SandboxRef,
        path: &str,
    ) -> Result<DirectoryWatch<H::Body>, SandboxError> {
        let body = envelopes::wrap(&json_bytes(&json!({"path": path, "recursive": false})));
        let kind = "application/connect+json";
        let method = "/filesystem.Filesystem/WatchDir";
        let response = self.data(sandbox, ENVD_PORT, method, kind, body).await?;
        let response = accepted(WHAT, sandbox, response).await?;
        let mut envelopes = Envelopes::new(response.into_body());
        // The first message says that the watch has begun.
        match envelopes.message(WHAT).await {
            Some(begun) => begun.map(|_| DirectoryWatch { envelopes }),
            None => Err(SandboxError::Broken {
                what: WHAT,
                reason: "the stream ended before it began".to_owned(),
            }),
        }
    }

    /// Watches a directory, which is made if it is not there.
    pub async fn make_and_watch(
        &self,
        sandbox: &SandboxRef,
        path: &str,
    ) -> Result<DirectoryWatch<H::Body>, SandboxError> {
        match self.watch(sandbox, path).await {
            Err(SandboxError::Refused { status: 404, .. }) => {}
            watch => return watch,
        }
        let what = "make a directory";
        let body = json_bytes(&json!({ "path": path }));
        let method = "/filesystem.Filesystem/MakeDir";
        let response = self
            .data(sandbox, ENVD_PORT, method, "application/json", body)
            .await?;
        // Refused where somebody else was faster; the watch shows whether it is there.
        let _ = done(what, accepted(what, sandbox, response).await?).await;
        self.watch(sandbox, path).await
    }
}

impl<B: Body> DirectoryWatch<B> {
    /// Waits until something happens to an entry; false if the watch has ended.
    pub async fn until(&mut self, name: &str) -> bool {
        while let Some(Ok(message)) = self.envelopes.message(WHAT).await {
            if message["filesystem"]["name"] == name {
                return true;
            }
        }
        false
    }
}
