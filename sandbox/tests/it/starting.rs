//! The service before it serves: it can be told to stop then, too.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::fixture::{PATIENCE, VENV};

/// A service whose Python comes to an end only where its arguments match; it does not get to serve.
struct Starting {
    child: Child,
    folder: TempDir,
}

impl Starting {
    fn new(ends_for: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let python = folder.path().join("venv/bin/python");
        std::fs::create_dir_all(python.parent().expect("a folder")).expect("a folder");
        let real = Path::new(VENV).join("bin/python");
        let real = real.canonicalize().expect("the project's environment");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in {ends_for}) exec {} \"$@\" ;; esac\nwhile :; do sleep 1; done\n",
            real.display()
        );
        std::fs::write(&python, script).expect("the script is written");
        std::fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).expect("it may run");
        let child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args(["serve", "--listen", "127.0.0.1:0", "--pool=0", "--venv"])
            .arg(folder.path().join("venv"))
            .arg("--state-dir")
            .arg(folder.path().join("state"))
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("the service starts");
        Self { child, folder }
    }

    fn state(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("state").join(name)
    }

    fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(&mut self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).expect("it is there");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(Instant::now() < until, "it does not hear SIGTERM");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn stops_while_its_python_does_not_say_what_it_is() {
    let mut starting = Starting::new("nothing", &["--no-zygote"]);
    let status = starting.stop();
    // The signal may come before anybody listens to it.
    assert!(
        status.success() || status.to_string().contains("SIGTERM"),
        "{status}"
    );
}

#[test]
fn stops_while_the_trial_sandbox_hangs_and_leaves_nothing() {
    let mut starting = Starting::new("*base_prefix*", &["--no-zygote"]);
    let sandboxes = starting.state("sandboxes");
    starting.wait_until("a trial sandbox", || entries(&sandboxes) > 0);
    let status = starting.stop();
    assert!(status.success(), "{status}");
    assert_eq!(entries(&sandboxes), 0);
}

#[test]
fn stops_while_it_waits_for_the_zygote() {
    let python = "*base_prefix*|'-c import encodings'";
    let mut starting = Starting::new(python, &["--wait-for-zygote"]);
    let (zygote, sandboxes) = (starting.state("zygote"), starting.state("sandboxes"));
    starting.wait_until("a zygote", || zygote.exists());
    let status = starting.stop();
    assert!(status.success(), "{status}");
    assert_eq!(entries(&sandboxes), 0);
}
