//! A server of the other side: started on a port of its own, up once it answers 200.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::Client;

use super::caller::Address;
use crate::process::Process;
use crate::wait::PATIENCE;

/// How often it is asked: far below what any start takes.
const LOOK: Duration = Duration::from_millis(3);

/// A running server. It ends when it is dropped.
pub(super) struct Server {
    process: Process,
    pub(super) address: String,
}

impl Server {
    /// Starts what `command` makes of a free port, and waits until `path` answers 200.
    pub(super) async fn start(
        name: &'static str,
        command: impl FnOnce(u16) -> Command,
        path: &str,
        folder: &Path,
    ) -> Self {
        let port = free_port();
        let mut command = command(port);
        command.current_dir(folder);
        let process = Process::start(name, command, Signal::SIGKILL, folder);
        let mut server = Self {
            process,
            address: format!("127.0.0.1:{port}"),
        };
        server.wait(name, path).await;
        server
    }

    async fn wait(&mut self, name: &str, path: &str) {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = client
            .build()
            .expect("the client needs nothing of the machine");
        let url = format!("http://{}{path}", self.address);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let has_ended = self.process.ended().is_some();
            assert!(
                !has_ended && Instant::now() < deadline,
                "{name} does not answer {url}:\n{}",
                self.process.log()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Where it answers, and by which name.
    pub(super) fn app(&self) -> Address {
        Address {
            connect: self.address.clone(),
            host: self.address.clone(),
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
