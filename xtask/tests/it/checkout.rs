//! A checkout in a temporary folder, with two services that only listen.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// Listens as the real services do, has a child of its own, answers `/health`, and ends when the file
/// `crash-<name>` appears.
const SERVICE: &str = include_str!("service.py");

pub struct Checkout {
    folder: TempDir,
}

/// `cargo xtask up` in a checkout.
pub struct Up {
    child: Child,
    output: PathBuf,
}

impl Checkout {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        for inner in ["xtask", "target/debug", "bin"] {
            fs::create_dir_all(root.join(inner)).expect("made");
        }
        fs::write(root.join("xtask/Cargo.toml"), "").expect("written");
        let checkout = Self { folder };
        checkout.install("target/debug/host");
        checkout.install("target/debug/sandbox");
        checkout
    }

    /// Puts a stand-in at a place; those in `bin` are on the `PATH`.
    pub fn install(&self, place: &str) {
        let program = self.path(place);
        fs::write(&program, SERVICE).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).expect("written");
    }

    /// Starts `up` on free ports and waits until it has printed its table.
    pub fn up(&self) -> Up {
        self.up_with(&[])
    }

    pub fn up_with(&self, options: &[&str]) -> Up {
        let up = self.start_with(options);
        wait_until("up has printed its table", || {
            let output = up.output();
            assert!(
                !output.contains("error: ") && !output.contains("panicked"),
                "{output}"
            );
            output.contains("Ctrl-C stops everything")
        });
        up
    }

    /// Starts `up` on free ports.
    pub fn start(&self) -> Up {
        self.start_with(&[])
    }

    pub fn start_with(&self, options: &[&str]) -> Up {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let path = [self.path("bin")]
            .into_iter()
            .chain(env::split_paths(&inherited).filter(|folder| !folder.join("spin").exists()));
        let output = self.path("output");
        let file = fs::File::create(&output).expect("made");
        let child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["up", "--no-build", "--port", "0", "--sandbox-port", "0"])
            .args(options)
            .env(
                "PATH",
                env::join_paths(path).expect("no folder has a colon"),
            )
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .env_remove("OPENAI_API_KEY")
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("shared"))
            .stdout(file)
            .spawn()
            .expect("xtask starts");
        Up { child, output }
    }

    /// The processes of a service, at all its starts: itself and its child.
    pub fn processes(&self, name: &str) -> Vec<u32> {
        let pids =
            fs::read_to_string(self.path(&format!("{name}.pids"))).expect("the service wrote it");
        pids.split_whitespace()
            .map(|pid| pid.parse().expect("a number"))
            .collect()
    }

    /// The environment that a service was started with.
    pub fn environment(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.environment"))).expect("the service wrote it")
    }

    pub fn wait_until_all_processes_are_gone(&self) {
        let pids = [self.processes("host"), self.processes("sandbox")].concat();
        assert!(pids.len() >= 4, "{pids:?}");
        self.wait_until_gone(&pids);
    }

    /// Kills the children of the services, where nobody is left to do it.
    pub fn kill_children(&self) {
        for name in ["host", "sandbox"] {
            let child = self.processes(name)[1];
            let _ = kill(
                Pid::from_raw(i32::try_from(child).expect("a small number")),
                Signal::SIGKILL,
            );
        }
    }

    pub fn wait_until_gone(&self, pids: &[u32]) {
        wait_until("the processes are gone", || {
            pids.iter().all(|pid| !is_running(*pid))
        });
    }
}

impl Up {
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("it can be read")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a small number"));
        kill(pid, signal).expect("it runs");
    }

    /// Waits for the end: the exit code, or none after a signal.
    pub fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("xtask has ended", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Up {
    /// Ends it in good order, so that the stand-ins' children end, too.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::SIGINT);
            let _ = self.child.wait();
        }
    }
}

fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
