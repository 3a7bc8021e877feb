//! A program that ends with the test, whatever becomes of the test.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::wait::until;

/// How long a program may take to end in good order.
const GRACE: Duration = Duration::from_secs(10);
/// How long a client's whole suite may take: less than what ends a test from outside, without a word.
const LONGEST: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(20);
/// How much of the log a failure shows.
const LAST_LINES: usize = 60;

/// Runs a client to its end: whether that was a good one, and all that the client wrote.
pub(crate) async fn run_to_end(client: Command, folder: &Path) -> (bool, String) {
    let mut client = Process::start("client", client, Signal::SIGKILL, folder);
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

/// A running program in a process group of its own, with both outputs in a file.
pub struct Process {
    name: &'static str,
    child: Child,
    ask: Signal,
    log: PathBuf,
    /// Where its part of the log begins: it may have run before.
    begin: usize,
}

impl Process {
    /// Starts `command`, which `ask` ends; what it writes is added to `<name>.log` in `folder`.
    pub fn start(name: &'static str, mut command: Command, ask: Signal, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let begin = fs::read(&log).map_or(0, |bytes| bytes.len());
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the log can be written");
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file);
        // SAFETY: prctl is one system call, allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                nix::sys::prctl::set_pdeathsig(ask).map_err(std::io::Error::from)
            });
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        Self {
            name,
            child,
            ask,
            log,
            begin,
        }
    }

    /// Waits for a line with `before` in it, and gives the word after that.
    pub async fn word_after(&mut self, before: &str) -> String {
        let what = format!("{} says `{before}`", self.name);
        until(&what, async || {
            let log = self.log().split_off(self.begin);
            // Only whole lines: the rest may still be on its way.
            let whole = &log[..log.rfind('\n').map_or(0, |end| end + 1)];
            let said = whole
                .lines()
                .find_map(|line| line.split_once(before))
                .and_then(|(_, after)| after.split_whitespace().next());
            if said.is_none() {
                let ended = self.ended();
                assert!(ended.is_none(), "{} ended by itself:\n{log}", self.name);
            }
            said.map(str::to_owned)
        })
        .await
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids fit 31 bits")
    }

    /// What it wrote, in earlier runs, too.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8(bytes).expect("logs are UTF-8")
    }

    /// Ends it as an operator would.
    pub fn stop(&mut self) {
        self.signal(self.ask);
        let deadline = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        // An error means that the group is gone already.
        let _ = killpg(Pid::from_raw(self.pid()), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            eprintln!("── {} ──\n{}", self.name, last.join("\n"));
        }
    }
}
