//! The sandbox service by itself, for clients that talk to it directly.

use std::process::Command;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::checkout;
use crate::process::{Process, run_to_end};
use crate::zygote;

/// A running sandbox service with a state of its own. It ends with the test.
pub struct SandboxService {
    _service: Process,
    address: String,
    folder: TempDir,
}

impl SandboxService {
    /// Starts one on a free port, with further options of `sandbox serve`.
    pub async fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(checkout::path("target/debug/sandbox"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--venv"]);
        command.arg(checkout::path(".venv")).arg("--state-dir");
        command.arg(folder.path().join("sandbox"));
        command.args(zygote::few_libraries()).args(options);
        let mut service = Process::start("sandbox", command, Signal::SIGTERM, folder.path());
        let address = service.word_after("sandbox: listening on http://").await;
        Self {
            _service: service,
            address,
            folder,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs a client to its end: whether that was a good one, and all that the client wrote.
    pub async fn run(&self, client: Command) -> (bool, String) {
        run_to_end(client, self.folder.path()).await
    }
}
