//! The sandbox service by itself, for clients that talk to it directly.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::checkout;
use crate::process::Process;
use crate::zygote;

/// How long a client's whole suite may take: less than what ends a test from outside, without a word.
const LONGEST: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(20);

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
        let mut client = Process::start("client", client, Signal::SIGKILL, self.folder.path());
        let deadline = Instant::now() + LONGEST;
        let mut ended = client.ended();
        while ended.is_none() && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
            ended = client.ended();
        }
        let in_time = ended.map_or("it did not end in time\n", |_| "");
        let well = ended.is_some_and(|status| status.success());
        (well, client.log() + in_time)
    }
}
