//! One service that `up` started: its log, the line that says it listens, its end.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::process::{self, GRACE, LOOK, Running};

/// How many lines of the log an error shows.
const LAST_LINES: usize = 20;

/// A running service. It logs to a file, so that it never waits for a reader nor loses one.
pub struct Service {
    name: &'static str,
    running: Running,
    log: PathBuf,
    /// How much of the log `--logs` has printed.
    printed: u64,
}

impl Service {
    /// Starts it, with both outputs in `logs/<name>.log` below `state`; the log of the run before is kept
    /// beside it as `<name>.previous.log`.
    pub fn start(name: &'static str, mut command: Command, state: &Path) -> Result<Self> {
        let folder = state.join("logs");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let log = folder.join(format!("{name}.log"));
        // There is none at the first start.
        let _ = fs::rename(&log, folder.join(format!("{name}.previous.log")));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        command
            .stdout(file.try_clone().context("cannot share the log file")?)
            .stderr(file);
        let running = Running::start(&mut command, Signal::SIGTERM)?;
        Ok(Self {
            name,
            running,
            log,
            printed: 0,
        })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The address in its line `<name>: listening on http://…` (`Serving http://…` is Spin's).
    pub fn wait_until_it_listens(&mut self, limit: Duration) -> Result<SocketAddr> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(address) = self.address() {
                return Ok(address);
            }
            self.must_run()?;
            process::interrupted()?;
            if Instant::now() > deadline {
                bail!(
                    "{} did not start to listen within {} s; {}",
                    self.name,
                    limit.as_secs(),
                    self.last_words()
                );
            }
            thread::sleep(LOOK);
        }
    }

    /// Where it listens, once it has said so.
    pub fn address(&self) -> Option<SocketAddr> {
        listening_on(&self.read_log())
    }

    /// An error with its last words if it has ended.
    pub fn must_run(&mut self) -> Result<()> {
        match self.running.ended()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} has ended by itself ({status}); {}",
                self.name,
                self.last_words()
            ),
        }
    }

    /// Prints what it logged since the last call.
    pub fn print_new_log_lines(&mut self) {
        let Ok(mut file) = File::open(&self.log) else {
            return;
        };
        let mut text = Vec::new();
        if file.seek(SeekFrom::Start(self.printed)).is_err() || file.read_to_end(&mut text).is_err()
        {
            return;
        }
        let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
            return;
        };
        self.printed += end as u64 + 1;
        for line in String::from_utf8_lossy(&text[..end]).lines() {
            eprintln!("{:<8}│ {line}", self.name);
        }
    }

    fn read_log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let log = self.read_log();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        if last.is_empty() {
            return "it logged nothing".to_owned();
        }
        format!(
            "the end of {}:\n\n  {}",
            self.log.display(),
            last.join("\n  ")
        )
    }
}

/// Asks all of them to end at once, and waits for each; what does not end in time is killed. The names of
/// those that could not end in good order.
pub fn stop_all(services: &mut Vec<Service>) -> Vec<&'static str> {
    // The host first: its requests may still be talking to the sandbox.
    for service in services.iter().rev() {
        service.running.ask_to_end();
    }
    let deadline = Instant::now() + GRACE;
    let mut cut_off = Vec::new();
    for mut service in services.drain(..).rev() {
        if !service.running.stop_until(deadline) {
            cut_off.push(service.name);
        }
    }
    cut_off
}

fn listening_on(log: &str) -> Option<SocketAddr> {
    let said = log.lines().find_map(|line| {
        line.split_once(": listening on http://")
            .or_else(|| line.split_once("Serving http://"))
    });
    said?
        .1
        .split_whitespace()
        .next()?
        .trim_end_matches('/')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(folder: &Path, script: &str) -> Service {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Service::start("waiter", command, folder).expect("sh starts")
    }

    #[test]
    fn the_address_is_read_from_the_line_that_says_it_listens() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script =
            "echo warming up; echo 'waiter: listening on http://127.0.0.1:4567'; exec sleep 60";
        let mut service = service(folder.path(), script);
        let address = service
            .wait_until_it_listens(Duration::from_secs(10))
            .expect("it says so");
        assert_eq!(address.to_string(), "127.0.0.1:4567");
        assert!(stop_all(&mut vec![service]).contains(&"waiter"));
    }

    #[test]
    fn a_service_that_ends_is_named_with_its_last_words() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut service = service(folder.path(), "echo 'the soup is cold' >&2; exit 7");
        let error = service
            .wait_until_it_listens(Duration::from_secs(10))
            .expect_err("it ended")
            .to_string();
        assert!(
            error.starts_with("waiter has ended by itself (exit status: 7)"),
            "{error}"
        );
        assert!(error.ends_with("the soup is cold"), "{error}");
    }

    #[test]
    fn a_service_that_never_listens_is_given_up() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut service = service(folder.path(), "exec sleep 60");
        let error = service
            .wait_until_it_listens(Duration::from_millis(100))
            .expect_err("too late")
            .to_string();
        assert!(
            error.starts_with("waiter did not start to listen within 0 s"),
            "{error}"
        );
    }

    #[test]
    fn the_log_of_the_run_before_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for word in ["first", "second"] {
            let mut service = service(folder.path(), &format!("echo {word}"));
            service.running.wait().expect("it ends");
        }
        let read =
            |name: &str| fs::read_to_string(folder.path().join("logs").join(name)).expect("there");
        assert_eq!(read("waiter.previous.log"), "first\n");
        assert_eq!(read("waiter.log"), "second\n");
    }

    #[test]
    fn spins_line_is_understood_too() {
        let log = "Logging component stdio\n\nServing http://127.0.0.1:3000\nAvailable Routes:";
        assert_eq!(listening_on(log).expect("an address").port(), 3000);
        assert_eq!(listening_on("nothing yet"), None);
    }
}
