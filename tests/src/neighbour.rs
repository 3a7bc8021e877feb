//! A session beside the one that is in trouble.

use serde_json::{Value, json};

use crate::Conductor;

/// A session of the same service, with a variable and a sandbox of its own.
pub struct Neighbour<'a> {
    pub(crate) conductor: &'a Conductor,
    pub(crate) session: Value,
    pub(crate) calls: u32,
}

impl Neighbour<'_> {
    /// Requires that it still works and has kept its variable and its sandbox.
    pub async fn is_undisturbed(&mut self) {
        self.calls += 1;
        let code = "calls += 1; print(calls)";
        let reply = self.conductor.run_in(&self.session, code).await;
        assert_eq!(reply["output"], format!("{}\n", self.calls), "{reply}");
        assert_eq!(reply["notices"], json!([]), "{reply}");
    }
}
